// The time loops of LFADS, forward and backward, for every (network, batch of windows) apart.
//
// Equations and names are those of networks/gru.py and model.py. Arrays are contiguous, (network, bin, window, unit).
#include "gru.hpp"
#include "pointwise.hpp"

// ---- encoder: one GRU forwards (even networks) and one backwards (odd) ---------------------------------------------
struct EncoderSizes { long P, T, B, in, H, rows, threads; };

// before (P, T, B, 2 H): the state that each direction comes to a bin with, 0 where it begins; last (P, B, 2 H)
template <class T>
void encoder_forward(const EncoderSizes& s, const T* x, const T* h0, const T* W, T* last, T* before, T* gates) {
  const long H = s.H, H2 = 2 * s.H;
  in_batches(2 * s.P, s.B, s.rows, s.threads, [&](long network, long, long first, long rows) {
    long p = network / 2, backwards = network % 2;
    GruForward<T> gru(rows, s.in, H, W + network * (s.in + H + 1) * 3 * H);
    gru.seen.set(s.in, h0 + (network * s.B + first) * H, H, H);
    for (long step = 0; step < s.T; step++) {
      long t = backwards ? s.T - 1 - step : step, at = (p * s.T + t) * s.B + first;
      gru.seen.set(0, x + at * s.in, s.in, s.in);
      if (step) gru.seen.get(s.in, before + at * H2 + backwards * H, H, H2);
      else for (long i = 0; i < rows; i++) std::fill_n(before + (at + i) * H2 + backwards * H, H, T(0));
      gru.forward(gates ? gates + ((network * s.T + t) * s.B + first) * 3 * H : nullptr);
    }
    gru.seen.get(s.in, last + (p * s.B + first) * H2 + backwards * H, H, H2);
  });
}

// d_last and d_before come in, or are null; d_W has one for each batch
template <class T>
void encoder_backward(const EncoderSizes& s, const T* x, const T* h0, const T* W, const T* before, const T* gates,
                      const T* d_last, const T* d_before, T* d_h0, T* d_W) {
  const long H = s.H, H2 = 2 * s.H, size = (s.in + H + 1) * 3 * H;
  in_batches(2 * s.P, s.B, s.rows, s.threads, [&](long network, long task, long first, long rows) {
    long p = network / 2, backwards = network % 2;
    GruBackward<T> gru(rows, s.in, H, W + network * size, false);
    if (d_last) gru.d.set(0, d_last + (p * s.B + first) * H2 + backwards * H, H, H2);
    for (long step = s.T - 1; step >= 0; step--) {
      long t = backwards ? s.T - 1 - step : step, at = (p * s.T + t) * s.B + first;
      gru.step_back();
      gru.seen.set(0, x + at * s.in, s.in, s.in);
      if (step) gru.seen.set(s.in, before + at * H2 + backwards * H, H, H2);
      else gru.seen.set(s.in, h0 + (network * s.B + first) * H, H, H);
      gru.backward(gates + ((network * s.T + t) * s.B + first) * 3 * H, step == 0);
      if (step && d_before) gru.d.add(0, d_before + at * H2 + backwards * H, H, H2);
    }
    gru.d.get(0, d_h0 + (network * s.B + first) * H, H, H);
    gru.get(d_W + task * size);
  });
}

// ---- controller, generator, factors -------------------------------------------------------------------------------
struct DecoderSizes { long P, T, B, encoded, controller, inputs, generator, factors, rows, threads; };
// W_u: [controller state, 1] to the posterior of the inputs; W_f: generator to factors
template <class T> struct DecoderWeights { const T *W_c, *W_u, *W_g, *W_f; };
// What it is driven by; keep_*: dropout masks, or null
template <class T> struct DecoderInputs { const T *encoded, *c0, *g0, *noise, *keep_encoded, *keep_f, *keep_g; };
// f, posterior, u after each bin; the states and factors that come to each bin, and to the end; gates
template <class T> struct DecoderSeries { T *f, *posterior, *u, *c, *g, *f0, *c_gates, *g_gates; };

// One batch of windows of one network: its weights, and where it is
template <class T, class AGru> struct DecoderBatch {
  const DecoderSizes& s;
  const DecoderInputs<T>& x;
  long p, first, rows, fed, K_c, K_g;
  const T *W_c, *W_u, *W_g, *W_f;
  AGru controller, generator;
  Rows<T> kept;  // the generator's state after dropout
  template <class... More>
  DecoderBatch(const DecoderSizes& s, const DecoderWeights<T>& w, const DecoderInputs<T>& x, long p, long first, long rows,
               More... more)
      : s(s), x(x), p(p), first(first), rows(rows), fed(s.encoded + s.factors), K_c(fed + s.controller + 1),
        K_g(s.inputs + s.generator + 1), W_c(w.W_c + p * K_c * 3 * s.controller),
        W_u(w.W_u + p * (s.controller + 1) * 2 * s.inputs), W_g(w.W_g + p * K_g * 3 * s.generator),
        W_f(w.W_f + p * s.generator * s.factors), controller(rows, fed, s.controller, W_c, more...),
        generator(rows, s.inputs, s.generator, W_g, more...), kept(rows, s.generator) {}
  long at(long t) const { return (p * s.T + t) * s.B + first; }               // in series of T bins
  long state(long t) const { return (p * (s.T + 1) + t) * s.B + first; }      // in series of T + 1
  long start() const { return p * s.B + first; }
  const T* mask(const T* keep, long row, long n) const { return keep ? keep + row * n : nullptr; }
  void set_controller_input(long t, const T* f_before) {
    controller.seen.set(0, x.encoded + at(t) * s.encoded, s.encoded, s.encoded, mask(x.keep_encoded, at(t), s.encoded));
    controller.seen.set(s.encoded, f_before, s.factors, s.factors, mask(x.keep_f, at(t), s.factors));
  }
  void keep_generator(long t) {
    kept.set(0, generator.state(), s.generator, generator.seen.stride, mask(x.keep_g, state(t), s.generator));
  }
};

template <class T>
void decoder_forward(const DecoderSizes& s, const DecoderWeights<T>& w, const DecoderInputs<T>& x,
                     const DecoderSeries<T>& out) {
  const long C = s.controller, U = s.inputs, G = s.generator, F = s.factors;
  in_batches(s.P, s.B, s.rows, s.threads, [&](long p, long, long first, long rows) {
    DecoderBatch<T, GruForward<T>> b(s, w, x, p, first, rows);
    Panels<T> W_u(b.W_u, 2 * U, C + 1, 2 * U, false), W_f(b.W_f, F, G, F, false);
    Rows<T> posterior(rows, 2 * U), f(rows, F);
    b.controller.seen.set(b.fed, x.c0 + b.start() * C, C, C);
    b.generator.seen.set(U, x.g0 + b.start() * G, G, G);
    b.keep_generator(0);
    multiply(b.kept.row(0), b.kept.stride, W_f, f);
    f.get(0, out.f0 + b.start() * F, F, F);
    for (long t = 0; t < s.T; t++) {
      const long at = b.at(t);
      if (out.c_gates) b.controller.seen.get(b.fed, out.c + b.state(t) * C, C, C);
      if (out.g_gates) b.generator.seen.get(U, out.g + b.state(t) * G, G, G);
      if (U) {
        b.set_controller_input(t, t ? out.f + b.at(t - 1) * F : out.f0 + b.start() * F);
        b.controller.forward(out.c_gates ? out.c_gates + at * 3 * C : nullptr);
        multiply(b.controller.state(), b.controller.seen.stride, W_u, posterior);
        posterior.get(0, out.posterior + at * 2 * U, 2 * U, 2 * U);
        for (long i = 0; i < rows; i++)
          for (long j = 0; j < U; j++)
            out.u[(at + i) * U + j] = posterior.row(i)[j] +
                std::exp(T(0.5) * posterior.row(i)[U + j]) * x.noise[(at + i) * U + j];
        b.generator.seen.set(0, out.u + at * U, U, U);
      }
      b.generator.forward(out.g_gates ? out.g_gates + at * 3 * G : nullptr);
      b.keep_generator(t + 1);
      multiply(b.kept.row(0), b.kept.stride, W_f, f);
      f.get(0, out.f + at * F, F, F);
    }
    if (out.c_gates) b.controller.seen.get(b.fed, out.c + b.state(s.T) * C, C, C);
    if (out.g_gates) b.generator.seen.get(U, out.g + b.state(s.T) * G, G, G);
  });
}

// Gradients: d_f, d_posterior, d_u come in; the rest goes out, those of weights one for each batch
template <class T> struct DecoderGradients {
  const T *f, *posterior, *u;
  T *encoded, *c0, *g0, *W_c, *W_u, *W_g, *W_f;
};

template <class T>
void decoder_backward(const DecoderSizes& s, const DecoderWeights<T>& w, const DecoderInputs<T>& x,
                      const DecoderSeries<T>& y, const DecoderGradients<T>& d) {
  const long C = s.controller, U = s.inputs, G = s.generator, F = s.factors;
  in_batches(s.P, s.B, s.rows, s.threads, [&](long p, long task, long first, long rows) {
    DecoderBatch<T, GruBackward<T>> b(s, w, x, p, first, rows, true);
    auto &controller = b.controller, &generator = b.generator;
    Panels<T> W_u(b.W_u, 2 * U, 2 * U, C, true), W_f(b.W_f, F, F, G, true);
    Rows<T> df(rows, F), d_kept(rows, G), d_posterior(rows, 2 * U), dc(rows, C), sum_u(C + 1, 2 * U), sum_f(G, F);
    auto through_factors = [&](long t) {  // from df to the generator's state that comes to bin t
      b.keep_generator(t);
      accumulate(b.kept.row(0), b.kept.stride, df, sum_f);
      multiply(df.row(0), df.stride, W_f, d_kept);
      generator.d.add(U, d_kept.row(0), G, d_kept.stride, b.mask(x.keep_g, b.state(t), G));
    };
    controller.seen.set(b.fed, y.c + b.state(s.T) * C, C, C);
    generator.seen.set(U, y.g + b.state(s.T) * G, G, G);
    for (long t = s.T - 1; t >= 0; t--) {
      const long at = b.at(t);
      df.add(0, d.f + at * F, F, F);
      through_factors(t + 1);
      generator.step_back();
      generator.seen.set(0, y.u + at * U, U, U);
      generator.seen.set(U, y.g + b.state(t) * G, G, G);
      generator.backward(y.g_gates + at * 3 * G, t == 0);
      std::fill(df.data.begin(), df.data.end(), T(0));
      if (!U) continue;
      d_posterior.set(0, d.posterior + at * 2 * U, 2 * U, 2 * U);
      for (long i = 0; i < rows; i++)
        for (long j = 0; j < U; j++) {
          T sd = std::exp(T(0.5) * y.posterior[(at + i) * 2 * U + U + j]);
          T du = generator.d.row(i)[j] + d.u[(at + i) * U + j];
          d_posterior.row(i)[j] += du;
          d_posterior.row(i)[U + j] += du * T(0.5) * sd * x.noise[(at + i) * U + j];
        }
      accumulate(controller.state(), controller.seen.stride, d_posterior, sum_u);
      multiply(d_posterior.row(0), d_posterior.stride, W_u, dc);
      controller.d.add(b.fed, dc.row(0), C, dc.stride);
      controller.step_back();
      b.set_controller_input(t, t ? y.f + b.at(t - 1) * F : y.f0 + b.start() * F);
      controller.seen.set(b.fed, y.c + b.state(t) * C, C, C);
      controller.backward(y.c_gates + at * 3 * C, t == 0);
      controller.d.get(0, d.encoded + at * s.encoded, s.encoded, s.encoded, b.mask(x.keep_encoded, at, s.encoded));
      df.set(0, controller.d.row(0) + s.encoded, F, controller.d.stride, b.mask(x.keep_f, at, F));
    }
    through_factors(0);
    controller.d.get(b.fed, d.c0 + b.start() * C, C, C);
    generator.d.get(U, d.g0 + b.start() * G, G, G);
    controller.get(d.W_c + task * b.K_c * 3 * C);
    generator.get(d.W_g + task * b.K_g * 3 * G);
    sum_u.get(0, d.W_u + task * (C + 1) * 2 * U, 2 * U, 2 * U);
    sum_f.get(0, d.W_f + task * G * F, F, F);
  });
}

// ---- what Python calls --------------------------------------------------------------------------------------------
#define FOR_TYPE(T, suffix)                                                                                            \
  extern "C" void encoder_forward_##suffix(const long* n, T* const* a) {                                               \
    encoder_forward<T>({n[0], n[1], n[2], n[3], n[4], n[5], n[6]}, a[0], a[1], a[2], a[3], a[4], a[5]);                \
  }                                                                                                                    \
  extern "C" void encoder_backward_##suffix(const long* n, T* const* a) {                                              \
    encoder_backward<T>({n[0], n[1], n[2], n[3], n[4], n[5], n[6]}, a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7],    \
                        a[8]);                                                                                         \
  }                                                                                                                    \
  extern "C" void decoder_forward_##suffix(const long* n, T* const* a) {                                               \
    decoder_forward<T>({n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7], n[8], n[9]}, {a[0], a[1], a[2], a[3]},         \
                       {a[4], a[5], a[6], a[7], a[8], a[9], a[10]},                                                    \
                       {a[11], a[12], a[13], a[14], a[15], a[16], a[17], a[18]});                                      \
  }                                                                                                                    \
  extern "C" void decoder_backward_##suffix(const long* n, T* const* a) {                                              \
    decoder_backward<T>({n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7], n[8], n[9]}, {a[0], a[1], a[2], a[3]},        \
                        {a[4], a[5], a[6], a[7], a[8], a[9], a[10]},                                                   \
                        {a[11], a[12], a[13], a[14], a[15], a[16], a[17], a[18]},                                      \
                        {a[19], a[20], a[21], a[22], a[23], a[24], a[25], a[26], a[27], a[28]});                       \
  }                                                                                                                    \
  extern "C" void gamma_nll_##suffix(const long* n, T* const* a) {                                                     \
    gamma_nll<T>(n[0], n[1], n[2], a[0], a[1], a[2], a[3], a[4]);                                                      \
  }                                                                                                                    \
  extern "C" void draw_mask_##suffix(const long* n, T* const* a) {                                                     \
    draw_mask<T>(n[0], n[1], n[2], n + 3, a[0], a[1], a[2]);                                                            \
  }
FOR_TYPE(float, float32)
FOR_TYPE(double, float64)
