// One GRU over a batch of windows, forward and backward.
//
// Its weights are one matrix (K, 3 H) for columns z, r, n, whose rows meet [input, state, 1]: the last row is the bias.
// A batch keeps these rows, its weights and the sums of their gradients in the cache while it goes through time.
#pragma once
#include "rows.hpp"

constexpr int kClip = 5;

template <class T> struct Gru {
  long rows, in, H, K;
  const T* W;
  Rows<T> seen, reset;  // [input, h, 1], [input, r * h, 1]
  Gru(long rows, long in, long H, const T* W, long places = 1)
      : rows(rows), in(in), H(H), K(in + H + 1), W(W), seen(rows, K, places), reset(rows, K, places) {
    for (long i = 0; i < rows * places; i++) seen.row(i)[K - 1] = reset.row(i)[K - 1] = 1;
  }
  T* state() { return seen.row(0) + in; }
};

template <class T> struct GruForward : Gru<T> {
  using Gru<T>::rows, Gru<T>::in, Gru<T>::H, Gru<T>::K, Gru<T>::seen, Gru<T>::reset;
  Panels<T> W_zr, W_n;
  Rows<T> zr, n;  // gates, candidate
  GruForward(long rows, long in, long H, const T* W)
      : Gru<T>(rows, in, H, W), W_zr(W, 3 * H, K, 2 * H, false), W_n(W + 2 * H, 3 * H, K, H, false), zr(rows, 2 * H),
        n(rows, H) {}

  // The state in `seen` becomes the next; z, r, n go to `gates` (rows, 3 H) unless null
  void forward(T* gates) {
    multiply(seen.row(0), seen.stride, W_zr, zr);
    for (long i = 0; i < rows; i++) {
      T *__restrict z = zr.row(i), *__restrict s = seen.row(i), *__restrict q = reset.row(i);
      sigmoid(z, 2 * H);
      for (long j = 0; j < in; j++) q[j] = s[j];
      for (long j = 0; j < H; j++) q[in + j] = z[H + j] * s[in + j];
    }
    multiply(reset.row(0), reset.stride, W_n, n);
    for (long i = 0; i < rows; i++) {
      T *__restrict z = zr.row(i), *__restrict c = n.row(i), *__restrict h = seen.row(i) + in;
      hyperbolic_tangent(c, H);
      for (long j = 0; j < H; j++) h[j] = std::min(std::max(c[j] + z[j] * (h[j] - c[j]), T(-kClip)), T(kClip));
      if (!gates) continue;
      T* __restrict kept = gates + i * 3 * H;
      for (long j = 0; j < 2 * H; j++) kept[j] = z[j];
      for (long j = 0; j < H; j++) kept[2 * H + j] = c[j];
    }
  }
};

// Functions of their own, so that the compiler believes that rows do not overlap and takes whole vectors.
// From the gradient dh of the next state to those of z and the candidate; what goes straight to h waits in `through`
template <class T>
void before_reset(long H, const T* __restrict z, const T* __restrict r, const T* __restrict c, const T* __restrict h,
                  const T* __restrict dh, T* __restrict dz, T* __restrict through, T* __restrict dc, T* __restrict reset) {
  for (long j = 0; j < H; j++) {
    T free = dh[j] * (1 - z[j]);
    dc[j] = free * (1 - c[j] * c[j]);
    dz[j] = free * (h[j] - c[j]) * z[j];
    through[j] = dh[j] * z[j];
    reset[j] = r[j] * h[j];
  }
}
// dh comes in as the gradient of r * h, dr as what `before_reset` left there
template <class T>
void after_reset(long H, const T* __restrict r, const T* __restrict h, T* __restrict dh, T* __restrict dr) {
  for (long j = 0; j < H; j++) {
    T through = dr[j], d_reset = dh[j];
    dr[j] = d_reset * h[j] * r[j] * (1 - r[j]);
    dh[j] = through + d_reset * r[j];
  }
}

constexpr long kRowsInSum = 64;  // rows that gradients of weights are summed over at a time

template <class T> struct GruBackward : Gru<T> {
  using Gru<T>::rows, Gru<T>::in, Gru<T>::H, Gru<T>::K, Gru<T>::seen, Gru<T>::reset;
  long skipped, places, used = 0;
  Panels<T> W_zr, W_n;
  Rows<T> d_zr, d_n, d, sum_zr, sum_n;  // d: gradient of [input, h], without the first `skipped` columns
  GruBackward(long rows, long in, long H, const T* W, bool of_input)
      : Gru<T>(rows, in, H, W, std::max(1L, kRowsInSum / rows)), skipped(of_input ? 0 : in),
        places(std::max(1L, kRowsInSum / rows)), W_zr(W + skipped * 3 * H, 3 * H, 2 * H, in + H - skipped, true),
        W_n(W + skipped * 3 * H + 2 * H, 3 * H, H, in + H - skipped, true), d_zr(rows, 2 * H, places),
        d_n(rows, H, places), d(rows, in + H - skipped), sum_zr(K, 2 * H), sum_n(K, H) {}
  long at_state() const { return in - skipped; }

  // Makes room in `seen` for the bin before
  void step_back() {
    if (used == places) sum();
    seen.first = reset.first = d_zr.first = d_n.first = used++ * rows;
  }
  void sum() {
    if (!used) return;
    accumulate(seen.data.data(), seen.stride, d_zr, sum_zr);
    accumulate(reset.data.data(), reset.stride, d_n, sum_n);
    used = 0;
  }

  // `d` holds the gradient of the next state and gets that of input and state, which `seen` holds. A state within the
  // clip stays there, so that only the one which the first bin begins with can be clipped
  void backward(const T* gates, bool first_bin) {
    if (first_bin)
      for (long i = 0; i < rows; i++)
        for (long j = 0; j < H; j++) {
          T z = gates[i * 3 * H + j], c = gates[i * 3 * H + 2 * H + j], h = seen.row(i)[in + j];
          if (std::fabs(c + z * (h - c)) > T(kClip)) d.row(i)[at_state() + j] = 0;
        }
    for (long i = 0; i < rows; i++) {
      const T *z = gates + i * 3 * H, *s = seen.row(i);
      T *dz = d_zr.row(i), *q = reset.row(i);
      std::copy_n(s, in, q);
      before_reset(H, z, z + H, z + 2 * H, s + in, d.row(i) + at_state(), dz, dz + H, d_n.row(i), q + in);
    }
    multiply(d_n.row(0), d_n.stride, W_n, d);
    for (long i = 0; i < rows; i++)
      after_reset(H, gates + i * 3 * H + H, seen.row(i) + in, d.row(i) + at_state(), d_zr.row(i) + H);
    multiply<T, true>(d_zr.row(0), d_zr.stride, W_zr, d);
  }
  void get(T* d_W) {  // (K, 3 H)
    sum();
    sum_zr.get(0, d_W, 2 * H, 3 * H);
    sum_n.get(0, d_W + 2 * H, H, 3 * H);
  }
};
