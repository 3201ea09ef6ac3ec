// Rows of numbers that stay in the cache: matrix products of them, and how threads share them out.
#pragma once
#include <atomic>
#include <new>
#include <thread>
#include <vector>

#include "vectors.hpp"

// Where arrays begin: with a line of the cache, so that no vector lies in two
template <class T> struct OnLines {
  typedef T value_type;
  OnLines() = default;
  template <class U> OnLines(const OnLines<U>&) {}
  T* allocate(size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), std::align_val_t(64))); }
  void deallocate(T* p, size_t) { ::operator delete(p, std::align_val_t(64)); }
  bool operator==(const OnLines&) const { return true; }
  bool operator!=(const OnLines&) const { return false; }
};

// ---- matrix products ----------------------------------------------------------------------------------------------
// Rows with padded columns, zero at first; with several `places` for them, of which one is at work
template <class T> struct Rows {
  long rows, columns, stride, first = 0;
  std::vector<T, OnLines<T>> data;
  Rows(long rows, long columns, long places = 1)
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
  std::vector<T, OnLines<T>> data;
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
template <class T, bool kAdd = false> void multiply(const T* A, long lda, const Panels<T>& B, Rows<T>& C) {
  for (long n = 0; n < B.N; n += Simd<T>::panel)
    tiles<T, kRows, kAdd, false>(C.rows, B.K, A, lda, B.data.data() + n * B.K, Simd<T>::panel, C.row(0) + n, C.stride);
}
// C += A^T D, from the rows of all places in use: the gradient of a weight
template <class T> void accumulate(const T* A, long lda, Rows<T>& D, Rows<T>& C) {
  for (long n = 0; n < D.columns; n += Simd<T>::panel)
    tiles<T, kRows, true, true>(C.rows, D.first + D.rows, A, lda, D.data.data() + n, D.stride, C.row(0) + n, C.stride);
}

// ---- work for several threads -------------------------------------------------------------------------------------
// Calls work(network, batch, first window, windows) for all batches; no two write to the same place
template <class Work> void in_batches(long networks, long B, long rows, long threads, Work work) {
  long batches = (B + rows - 1) / rows, tasks = networks * batches;
  std::atomic<long> next(0);
  auto take = [&] {
    for (long task; (task = next++) < tasks;) {
      long first = task % batches * rows;
      work(task / batches, task, first, std::min(rows, B - first));
    }
  };
  std::vector<std::thread> others;
  for (long i = 1; i < std::min(threads, tasks); i++) others.emplace_back(take);
  take();
  for (auto& other : others) other.join();
}
