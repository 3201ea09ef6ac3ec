// The time loops of LFADS, forward and backward, for every (network, block of windows) apart.
//
// Only what must run bin after bin is here; products over all bins at once (input projections, gradients of weights)
// are left to torch. Equations and names are those of gru.py and model.py. Arrays are contiguous, (network, bin,
// window, unit); states carry one bin more than the rest, the first being the state before the first bin.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64, kRows = 12;
#elif defined(__AVX__)
constexpr int kVectorBytes = 32, kRows = 6;
#else
constexpr int kVectorBytes = 16, kRows = 6;
#endif

template <class T> struct Simd {
  typedef T vec __attribute__((vector_size(kVectorBytes)));
  static constexpr int lanes = kVectorBytes / sizeof(T), panel = 2 * lanes;  // a panel: columns of one tile
  static vec load(const T* p) { vec v; std::memcpy(&v, p, sizeof v); return v; }
  static void store(T* p, vec v) { std::memcpy(p, &v, sizeof v); }
};
template <class T> long padded(long n) { return (n + Simd<T>::panel - 1) / Simd<T>::panel * Simd<T>::panel; }

// ---- elementary functions -----------------------------------------------------------------------------------------
// Cephes polynomial for 2^f e^r, without branches so that the loops around it are vectorised
inline float exponential(float x) {
  x = std::min(std::max(x, -87.0f), 88.0f);
  const float magic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to the nearest integer
  float n = (x * 1.44269504088896341f + magic) - magic;
  float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f; p = p * r + 8.3334519073e-3f; p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f; p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  int32_t bits = (static_cast<int32_t>(n) + 127) << 23;
  float scale; std::memcpy(&scale, &bits, 4);
  return p * scale;
}
inline double exponential(double x) { return std::exp(x); }
template <class T> inline T sigmoid(T x) { return T(1) / (T(1) + exponential(-x)); }
template <class T> inline T hyperbolic_tangent(T x) { return T(2) / (T(1) + exponential(T(-2) * x)) - T(1); }

// ---- matrix products ----------------------------------------------------------------------------------------------
// A weight (K, N), or the transpose of one stored (N, K), as panels of columns that a tile reads in order
template <class T> struct Panels {
  long K, N;
  std::vector<T> data;
  Panels(const T* W, long K, long N, bool transposed) : K(K), N(N), data(K * padded<T>(N), T(0)) {
    const int width = Simd<T>::panel;
    for (long n = 0; n < N; n++)
      for (long k = 0; k < K; k++)
        data[(n / width * K + k) * width + n % width] = transposed ? W[n * K + k] : W[k * N + n];
  }
};

// C (R rows, one panel) += A (R, K) B, with C in registers
template <class T, int R> void tile(long K, const T* A, long lda, const T* B, T* C, long ldc) {
  typedef Simd<T> S;
  typename S::vec c0[R], c1[R];
  for (int i = 0; i < R; i++) { c0[i] = S::load(C + i * ldc); c1[i] = S::load(C + i * ldc + S::lanes); }
  for (long k = 0; k < K; k++) {
    typename S::vec b0 = S::load(B + k * S::panel), b1 = S::load(B + k * S::panel + S::lanes);
#pragma GCC unroll 12
    for (int i = 0; i < R; i++) { T a = A[i * lda + k]; c0[i] += a * b0; c1[i] += a * b1; }
  }
  for (int i = 0; i < R; i++) { S::store(C + i * ldc, c0[i]); S::store(C + i * ldc + S::lanes, c1[i]); }
}

// C (rows, padded N) += A (rows, K) B
template <class T> void multiply_add(long rows, const T* A, long lda, const Panels<T>& B, T* C, long ldc) {
  for (long n = 0; n < B.N; n += Simd<T>::panel) {
    const T* b = B.data.data() + n * B.K;
    long m = 0;
    for (; m + kRows <= rows; m += kRows) tile<T, kRows>(B.K, A + m * lda, lda, b, C + m * ldc + n, ldc);
    for (; m + 4 <= rows; m += 4) tile<T, 4>(B.K, A + m * lda, lda, b, C + m * ldc + n, ldc);
    for (; m < rows; m++) tile<T, 1>(B.K, A + m * lda, lda, b, C + m * ldc + n, ldc);
  }
}

// Scratch of a block: rows with padded columns
template <class T> struct Block {
  long rows, stride;
  std::vector<T> data;
  Block(long rows, long columns) : rows(rows), stride(padded<T>(columns)), data(rows * stride, T(0)) {}
  T* row(long i) { return data.data() + i * stride; }
  void clear() { std::fill(data.begin(), data.end(), T(0)); }
  void set(const T* source, long columns, long source_stride) {  // a source stride of 0 repeats one row
    for (long i = 0; i < rows; i++) std::memcpy(row(i), source + i * source_stride, columns * sizeof(T));
  }
  void add_product(const T* A, long lda, const Panels<T>& B) { multiply_add(rows, A, lda, B, data.data(), stride); }
  void add_product(const Block& A, const Panels<T>& B) { add_product(A.data.data(), A.stride, B); }
};

// ---- one GRU ------------------------------------------------------------------------------------------------------
constexpr int kClip = 5;

template <class T> struct Gru {
  long H;
  Panels<T> zr, n;
  Block<T> product, reset;
  Gru(long rows, long H, const T* U_zr, const T* U_n, bool backward)
      : H(H), zr(U_zr, backward ? 2 * H : H, backward ? H : 2 * H, backward), n(U_n, H, H, backward),
        product(rows, 2 * H), reset(rows, H) {}

  // projected (rows, 3 H) is the input side; writes the gates (z, r, n) and the next state
  void forward(long rows, const T* projected, long stride, const T* h, T* gates, T* next) {
    product.clear();
    product.add_product(h, H, zr);
    for (long i = 0; i < rows; i++) {
      const T *a = projected + i * stride, *p = product.row(i), *h_i = h + i * H;
      T *g = gates + i * 3 * H, *rh = reset.row(i);
      for (long j = 0; j < 2 * H; j++) g[j] = sigmoid(a[j] + p[j]);
      for (long j = 0; j < H; j++) rh[j] = g[H + j] * h_i[j];
    }
    product.clear();
    product.add_product(reset, n);
    for (long i = 0; i < rows; i++) {
      const T *a = projected + i * stride + 2 * H, *p = product.row(i), *h_i = h + i * H;
      T *g = gates + i * 3 * H, *out = next + i * H;
      for (long j = 0; j < H; j++) {
        T candidate = hyperbolic_tangent(a[j] + p[j]);
        g[2 * H + j] = candidate;
        out[j] = std::min(std::max(candidate + g[j] * (h_i[j] - candidate), T(-kClip)), T(kClip));
      }
    }
  }

  // dh (rows, H), the gradient of the next state, becomes that of h; d_projected is that of the input side
  void backward(long rows, const T* h, const T* next, const T* gates, Block<T>& dh, T* d_projected) {
    for (long i = 0; i < rows; i++) {
      const T *h_i = h + i * H, *h_next = next + i * H, *z = gates + i * 3 * H, *c = z + 2 * H;
      T *d = dh.row(i), *d_z = d_projected + i * 3 * H, *d_c = d_z + 2 * H;
      for (long j = 0; j < H; j++) {
        T through = std::fabs(h_next[j]) < T(kClip) ? d[j] : T(0);
        d_c[j] = through * (1 - z[j]) * (1 - c[j] * c[j]);
        d_z[j] = through * (h_i[j] - c[j]) * z[j] * (1 - z[j]);
        d[j] = through * z[j];
      }
    }
    reset.clear();
    reset.add_product(d_projected + 2 * H, 3 * H, n);
    for (long i = 0; i < rows; i++) {
      const T *h_i = h + i * H, *r = gates + i * 3 * H + H, *d_rh = reset.row(i);
      T *d = dh.row(i), *d_r = d_projected + i * 3 * H + H;
      for (long j = 0; j < H; j++) {
        d_r[j] = d_rh[j] * h_i[j] * r[j] * (1 - r[j]);
        d[j] += d_rh[j] * r[j];
      }
    }
    dh.add_product(d_projected, 3 * H, zr);
  }
};

// ---- work for several threads -------------------------------------------------------------------------------------
// Calls work(network, first window, windows) for all blocks; no two write to the same place, so the order is free
template <class Work> void in_blocks(long networks, long B, long threads, Work work) {
  long rows = std::min(64L, std::max(8L, (networks * B + threads - 1) / threads));
  long blocks = (B + rows - 1) / rows, tasks = networks * blocks;
  std::atomic<long> next(0);
  auto take = [&] {
    for (long task; (task = next++) < tasks;) {
      long first = task % blocks * rows;
      work(task / blocks, first, std::min(rows, B - first));
    }
  };
  std::vector<std::thread> others;
  for (long i = 1; i < std::min(threads, tasks); i++) others.emplace_back(take);
  take();
  for (auto& other : others) other.join();
}

template <class T>
void gru_forward(long G, long T_, long B, long H, const T* projected, const T* U_zr, const T* U_n, T* states, T* gates,
                 long threads) {
  in_blocks(G, B, threads, [&](long g, long first, long rows) {
    Gru<T> gru(rows, H, U_zr + g * 2 * H * H, U_n + g * H * H, false);
    for (long t = 0; t < T_; t++) {
      long at = (g * T_ + t) * B + first, state = (g * (T_ + 1) + t) * B + first;
      gru.forward(rows, projected + at * 3 * H, 3 * H, states + state * H, gates + at * 3 * H, states + (state + B) * H);
    }
  });
}

template <class T>
void gru_backward(long G, long T_, long B, long H, const T* U_zr, const T* U_n, const T* states, const T* gates,
                  const T* d_states, T* d_projected, T* d_start, long threads) {
  in_blocks(G, B, threads, [&](long g, long first, long rows) {
    Gru<T> gru(rows, H, U_zr + g * 2 * H * H, U_n + g * H * H, true);
    Block<T> dh(rows, H);
    for (long t = T_ - 1; t >= 0; t--) {
      long at = (g * T_ + t) * B + first, state = (g * (T_ + 1) + t) * B + first;
      for (long i = 0; i < rows; i++)
        for (long j = 0; j < H; j++) dh.row(i)[j] += d_states[(at + i) * H + j];
      gru.backward(rows, states + state * H, states + (state + B) * H, gates + at * 3 * H, dh, d_projected + at * 3 * H);
    }
    for (long i = 0; i < rows; i++) std::memcpy(d_start + (g * B + first + i) * H, dh.row(i), H * sizeof(T));
  });
}

// ---- controller, generator, factors -------------------------------------------------------------------------------
struct DecoderSizes { long P, T, B, controller, inputs, generator, factors; };
template <class T> struct DecoderWeights {
  const T *W_f, *Uc_zr, *Uc_n, *W_u, *b_u, *W_g, *b_g, *Ug_zr, *Ug_n, *W_n;  // W_f: factors to controller, W_n: readers
};
template <class T> struct DecoderDraws { const T *noise, *keep_f, *keep_g; };  // keep_*: dropout masks, or null
template <class T> struct DecoderSeries { T *c, *c_gates, *u_posterior, *u, *g, *g_gates, *f; };

template <class T> void kept(long rows, long n, const T* x, long stride, const T* mask, Block<T>& out) {
  for (long i = 0; i < rows; i++)
    for (long j = 0; j < n; j++) out.row(i)[j] = mask ? x[i * stride + j] * mask[i * n + j] : x[i * stride + j];
}

template <class T>
void decoder_forward(const DecoderSizes& s, const DecoderWeights<T>& w, const DecoderDraws<T>& draws,
                     const T* encoded_side, const DecoderSeries<T>& out, long threads) {
  const long C = s.controller, U = s.inputs, G = s.generator, F = s.factors;
  in_blocks(s.P, s.B, threads, [&](long p, long first, long rows) {
    Gru<T> controller(rows, C, w.Uc_zr + p * 2 * C * C, w.Uc_n + p * C * C, false);
    Gru<T> generator(rows, G, w.Ug_zr + p * 2 * G * G, w.Ug_n + p * G * G, false);
    Panels<T> W_f(w.W_f + p * F * 3 * C, F, 3 * C, false), W_u(w.W_u + p * C * 2 * U, C, 2 * U, false),
        W_g(w.W_g + p * U * 3 * G, U, 3 * G, false), W_n(w.W_n + p * G * F, G, F, false);
    Block<T> c_side(rows, 3 * C), g_side(rows, 3 * G), f_kept(rows, F), g_kept(rows, G), f(rows, F), posterior(rows, 2 * U);
    auto read_factors = [&](long state) {
      kept(rows, G, out.g + state * G, G, draws.keep_g ? draws.keep_g + state * G : nullptr, g_kept);
      f.clear();
      f.add_product(g_kept, W_n);
      for (long i = 0; i < rows; i++) std::memcpy(out.f + (state + i) * F, f.row(i), F * sizeof(T));
    };
    read_factors(p * (s.T + 1) * s.B + first);
    for (long t = 0; t < s.T; t++) {
      long at = (p * s.T + t) * s.B + first, state = (p * (s.T + 1) + t) * s.B + first, next = state + s.B;
      if (U) {
        kept(rows, F, out.f + state * F, F, draws.keep_f ? draws.keep_f + at * F : nullptr, f_kept);
        c_side.set(encoded_side + at * 3 * C, 3 * C, 3 * C);
        c_side.add_product(f_kept, W_f);
        controller.forward(rows, c_side.row(0), c_side.stride, out.c + state * C, out.c_gates + at * 3 * C, out.c + next * C);
        posterior.set(w.b_u + p * 2 * U, 2 * U, 0);
        posterior.add_product(out.c + next * C, C, W_u);
        for (long i = 0; i < rows; i++) {
          std::memcpy(out.u_posterior + (at + i) * 2 * U, posterior.row(i), 2 * U * sizeof(T));
          for (long j = 0; j < U; j++)
            out.u[(at + i) * U + j] = posterior.row(i)[j] +
                std::exp(T(0.5) * posterior.row(i)[U + j]) * draws.noise[(at + i) * U + j];
        }
      }
      g_side.set(w.b_g + p * 3 * G, 3 * G, 0);
      g_side.add_product(out.u + at * U, U, W_g);
      generator.forward(rows, g_side.row(0), g_side.stride, out.g + state * G, out.g_gates + at * 3 * G, out.g + next * G);
      read_factors(next);
    }
  });
}

// Gradients: d_f, d_posterior, d_u come in for f (without the first bin), u_posterior and u; the rest goes out
template <class T> struct DecoderGradients {
  const T *d_f, *d_posterior, *d_u;
  T *c_side, *posterior, *g_side, *f, *c_start, *g_start;
};

template <class T>
void decoder_backward(const DecoderSizes& s, const DecoderWeights<T>& w, const DecoderDraws<T>& draws,
                      const DecoderSeries<T>& x, const DecoderGradients<T>& d, long threads) {
  const long C = s.controller, U = s.inputs, G = s.generator, F = s.factors;
  in_blocks(s.P, s.B, threads, [&](long p, long first, long rows) {
    Gru<T> controller(rows, C, w.Uc_zr + p * 2 * C * C, w.Uc_n + p * C * C, true);
    Gru<T> generator(rows, G, w.Ug_zr + p * 2 * G * G, w.Ug_n + p * G * G, true);
    Panels<T> W_f(w.W_f + p * F * 3 * C, 3 * C, F, true), W_u(w.W_u + p * C * 2 * U, 2 * U, C, true),
        W_g(w.W_g + p * U * 3 * G, 3 * G, U, true), W_n(w.W_n + p * G * F, F, G, true);
    Block<T> dc(rows, C), dg(rows, G), df(rows, F), du(rows, U), read(rows, G);
    auto through_factors = [&](long state) {  // df becomes final; its share reaches dg
      for (long i = 0; i < rows; i++) std::memcpy(d.f + (state + i) * F, df.row(i), F * sizeof(T));
      read.clear();
      read.add_product(df, W_n);
      for (long i = 0; i < rows; i++)
        for (long j = 0; j < G; j++)
          dg.row(i)[j] += draws.keep_g ? read.row(i)[j] * draws.keep_g[(state + i) * G + j] : read.row(i)[j];
    };
    for (long t = s.T - 1; t >= 0; t--) {
      long at = (p * s.T + t) * s.B + first, state = (p * (s.T + 1) + t) * s.B + first, next = state + s.B;
      for (long i = 0; i < rows; i++)
        for (long j = 0; j < F; j++) df.row(i)[j] += d.d_f[(at + i) * F + j];
      through_factors(next);
      generator.backward(rows, x.g + state * G, x.g + next * G, x.g_gates + at * 3 * G, dg, d.g_side + at * 3 * G);
      df.clear();
      if (!U) continue;
      du.set(d.d_u + at * U, U, U);
      du.add_product(d.g_side + at * 3 * G, 3 * G, W_g);
      for (long i = 0; i < rows; i++)
        for (long j = 0; j < U; j++) {
          long mean = (at + i) * 2 * U + j, log_variance = mean + U;
          T sd = std::exp(T(0.5) * x.u_posterior[log_variance]), grad = du.row(i)[j];
          d.posterior[mean] = d.d_posterior[mean] + grad;
          d.posterior[log_variance] = d.d_posterior[log_variance] + grad * T(0.5) * sd * draws.noise[(at + i) * U + j];
        }
      dc.add_product(d.posterior + at * 2 * U, 2 * U, W_u);
      controller.backward(rows, x.c + state * C, x.c + next * C, x.c_gates + at * 3 * C, dc, d.c_side + at * 3 * C);
      df.add_product(d.c_side + at * 3 * C, 3 * C, W_f);
      if (draws.keep_f)
        for (long i = 0; i < rows; i++)
          for (long j = 0; j < F; j++) df.row(i)[j] *= draws.keep_f[(at + i) * F + j];
    }
    through_factors(p * (s.T + 1) * s.B + first);
    for (long i = 0; i < rows; i++) {
      std::memcpy(d.g_start + (p * s.B + first + i) * G, dg.row(i), G * sizeof(T));
      std::memcpy(d.c_start + (p * s.B + first + i) * C, dc.row(i), C * sizeof(T));
    }
  });
}

// ---- what Python calls --------------------------------------------------------------------------------------------
#define FOR_TYPE(T, suffix)                                                                                            \
  extern "C" void gru_forward_##suffix(const long* n, T* const* a, long threads) {                                     \
    gru_forward<T>(n[0], n[1], n[2], n[3], a[0], a[1], a[2], a[3], a[4], threads);                                     \
  }                                                                                                                    \
  extern "C" void gru_backward_##suffix(const long* n, T* const* a, long threads) {                                    \
    gru_backward<T>(n[0], n[1], n[2], n[3], a[0], a[1], a[2], a[3], a[4], a[5], a[6], threads);                        \
  }                                                                                                                    \
  extern "C" void decoder_forward_##suffix(const long* n, T* const* a, long threads) {                                 \
    decoder_forward<T>({n[0], n[1], n[2], n[3], n[4], n[5], n[6]},                                                     \
                       {a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9]}, {a[10], a[11], a[12]}, a[13],     \
                       {a[14], a[15], a[16], a[17], a[18], a[19], a[20]}, threads);                                    \
  }                                                                                                                    \
  extern "C" void decoder_backward_##suffix(const long* n, T* const* a, long threads) {                                \
    decoder_backward<T>({n[0], n[1], n[2], n[3], n[4], n[5], n[6]},                                                    \
                        {a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9]}, {a[10], a[11], a[12]},           \
                        {a[13], a[14], a[15], a[16], a[17], a[18], a[19]},                                             \
                        {a[20], a[21], a[22], a[23], a[24], a[25], a[26], a[27], a[28]}, threads);                     \
  }
FOR_TYPE(float, float32)
FOR_TYPE(double, float64)
