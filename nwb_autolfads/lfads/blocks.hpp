// Rows of numbers that stay in the cache, in vectors of this machine's width: elementary functions and matrix products.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
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
// e^x = 2^n 2^r with n whole and r in +-1/2, where Cephes has a polynomial; not a number stays so
inline Simd<float>::vec exponential(Simd<float>::vec x) {
  typedef Simd<float>::vec vec;
  typedef int32_t ints __attribute__((vector_size(kVectorBytes)));
  const vec low = vec{} - 87.0f, high = vec{} + 87.0f;
  x = low > x ? low : x;
  x = high < x ? high : x;
  const float per_octave = 1.44269504088896341f, magic = 12582912.0f;  // adding 1.5 * 2^23 rounds to whole numbers
  vec n = x * per_octave + magic, r = x * per_octave - (n - magic);
  vec p = r * 1.535336188319500e-4f + 1.339887440266574e-3f;
  p = p * r + 9.618437357674640e-3f;
  p = p * r + 5.550332471162809e-2f;
  p = p * r + 2.402264791363012e-1f;
  p = p * r + 6.931472028550421e-1f;
  p = p * r + 1.0f;
  return p * (vec)(((ints)n + 127) << 23);  // the lowest bits of n are the whole number
}
inline Simd<double>::vec exponential(Simd<double>::vec x) {
  for (int i = 0; i < Simd<double>::lanes; i++) x[i] = std::exp(x[i]);
  return x;
}
template <class T> void sigmoid(T* x, long n) {  // over whole vectors: rows of a Block are padded
  for (T* p = x; p < x + n; p += Simd<T>::lanes) Simd<T>::store(p, T(1) / (T(1) + exponential(-Simd<T>::load(p))));
}
template <class T> void hyperbolic_tangent(T* x, long n) {
  for (T* p = x; p < x + n; p += Simd<T>::lanes)
    Simd<T>::store(p, T(2) / (T(1) + exponential(T(-2) * Simd<T>::load(p))) - T(1));
}

// ---- matrix products ----------------------------------------------------------------------------------------------
// Rows with padded columns, zero at first; with several `places` for them, of which one is at work
template <class T> struct Block {
  long rows, columns, stride, first = 0;
  std::vector<T> data;
  Block(long rows, long columns, long places = 1)
      : rows(rows), columns(columns), stride(padded<T>(columns)), data(places * rows * stride, T(0)) {}
  T* row(long i) { return data.data() + (first + i) * stride; }
  void set(long first, const T* source, long n, long source_stride, const T* mask = nullptr) {
    copy(row(0) + first, stride, source, source_stride, n, mask);
  }
  void get(long first, T* target, long n, long target_stride, const T* mask = nullptr) {
    copy(target, target_stride, row(0) + first, stride, n, mask);
  }
  void copy(T* to, long to_stride, const T* from, long from_stride, long n, const T* mask) {
    for (long i = 0; i < rows; i++) {
      T* __restrict a = to + i * to_stride;
      const T *__restrict b = from + i * from_stride, *__restrict keep = mask ? mask + i * n : nullptr;
      if (mask) for (long j = 0; j < n; j++) a[j] = b[j] * keep[j];
      else for (long j = 0; j < n; j++) a[j] = b[j];
    }
  }
  void add(long first, const T* source, long n, long source_stride, const T* mask = nullptr) {
    for (long i = 0; i < rows; i++) {
      T* __restrict a = row(i) + first;
      const T *__restrict b = source + i * source_stride, *__restrict keep = mask ? mask + i * n : nullptr;
      if (mask) for (long j = 0; j < n; j++) a[j] += b[j] * keep[j];
      else for (long j = 0; j < n; j++) a[j] += b[j];
    }
  }
};

// A weight (K, N), or the transpose of one stored (N, K), as panels of columns that a tile reads in order
template <class T> struct Panels {
  long K, N;
  std::vector<T> data;
  Panels(const T* W, long stride, long K, long N, bool transposed) : K(K), N(N), data(K * padded<T>(N), T(0)) {
    const long width = Simd<T>::panel;
    for (long first = 0; first < N; first += width)
      for (long k = 0, used = std::min(width, N - first); k < K; k++) {
        T* __restrict to = data.data() + first * K + k * width;
        const T* from = transposed ? W + first * stride + k : W + k * stride + first;
        for (long n = 0; n < used; n++) to[n] = from[transposed ? n * stride : n];
      }
  }
};

// C (R rows, one panel) = A B, or += with kAdd. A is (R, K), or stored as its transpose (K, R) with kTransposed
template <class T, int R, bool kAdd, bool kTransposed>
void tile(long K, const T* A, long lda, const T* B, long ldb, T* C, long ldc) {
  typedef Simd<T> S;
  typename S::vec c0[R], c1[R];
  for (int i = 0; i < R; i++) {
    c0[i] = kAdd ? S::load(C + i * ldc) : typename S::vec{};
    c1[i] = kAdd ? S::load(C + i * ldc + S::lanes) : typename S::vec{};
  }
  for (long k = 0; k < K; k++, B += ldb) {
    typename S::vec b0 = S::load(B), b1 = S::load(B + S::lanes);
#pragma GCC unroll 12
    for (int i = 0; i < R; i++) {
      T a = kTransposed ? A[k * lda + i] : A[i * lda + k];
      c0[i] += a * b0;
      c1[i] += a * b1;
    }
  }
  for (int i = 0; i < R; i++) { S::store(C + i * ldc, c0[i]); S::store(C + i * ldc + S::lanes, c1[i]); }
}

template <class T, int R, bool kAdd, bool kTransposed>
void tiles(long rows, long K, const T* A, long lda, const T* B, long ldb, T* C, long ldc) {
  long m = 0;
  for (; m + R <= rows; m += R) tile<T, R, kAdd, kTransposed>(K, A + (kTransposed ? m : m * lda), lda, B, ldb, C + m * ldc, ldc);
  if constexpr (R > 1)
    if (m < rows) tiles<T, R - 1, kAdd, kTransposed>(rows - m, K, A + (kTransposed ? m : m * lda), lda, B, ldb, C + m * ldc, ldc);
}

// C = A B, or C += A B
template <class T, bool kAdd = false> void multiply(const T* A, long lda, const Panels<T>& B, Block<T>& C) {
  for (long n = 0; n < B.N; n += Simd<T>::panel)
    tiles<T, kRows, kAdd, false>(C.rows, B.K, A, lda, B.data.data() + n * B.K, Simd<T>::panel, C.row(0) + n, C.stride);
}
// C += A^T D, from the rows of all places in use: the gradient of a weight
template <class T> void accumulate(const T* A, long lda, Block<T>& D, Block<T>& C) {
  for (long n = 0; n < D.columns; n += Simd<T>::panel)
    tiles<T, kRows, true, true>(C.rows, D.first + D.rows, A, lda, D.data.data() + n, D.stride, C.row(0) + n, C.stride);
}
