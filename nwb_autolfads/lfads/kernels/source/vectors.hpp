// Vectors of this machine's width, and elementary functions of them.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

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
// Between two numbers; not a number stays so
template <class T> typename Simd<T>::vec limited(typename Simd<T>::vec x, T low, T high) {
  const typename Simd<T>::vec least = typename Simd<T>::vec{} + low, most = typename Simd<T>::vec{} + high;
  x = least > x ? least : x;
  return most < x ? most : x;
}
template <class T> long padded(long n) { return (n + Simd<T>::panel - 1) / Simd<T>::panel * Simd<T>::panel; }

// ---- elementary functions -----------------------------------------------------------------------------------------
// e^x = 2^n 2^r with n whole and r in +-1/2, where Cephes has a polynomial; not a number stays so
inline Simd<float>::vec exponential(Simd<float>::vec x) {
  typedef Simd<float>::vec vec;
  typedef int32_t ints __attribute__((vector_size(kVectorBytes)));
  x = limited<float>(x, -87, 87);
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
// log x = n log 2 + log m with m in sqrt(1/2)..sqrt(2), where Cephes has a polynomial; of x > 0, else not a number
inline Simd<float>::vec logarithm(Simd<float>::vec x) {
  typedef Simd<float>::vec vec;
  typedef int32_t ints __attribute__((vector_size(kVectorBytes)));
  const ints n = ((ints)x - 0x3f3504f3) >> 23;
  const vec f = (vec)((ints)x - (n << 23)) - 1.0f, whole = __builtin_convertvector(n, vec);
  vec p = f * 7.0376836292e-2f - 1.1514610310e-1f;
  p = p * f + 1.1676998740e-1f;
  p = p * f - 1.2420140846e-1f;
  p = p * f + 1.4249322787e-1f;
  p = p * f - 1.6668057665e-1f;
  p = p * f + 2.0000714765e-1f;
  p = p * f - 2.4999993993e-1f;
  p = p * f + 3.3333331174e-1f;
  p = p * f * f * f + whole * -2.12194440e-4f - 0.5f * f * f;
  return x > 0.0f ? f + p + whole * 0.693359375f : vec{} + std::numeric_limits<float>::quiet_NaN();
}
inline Simd<double>::vec logarithm(Simd<double>::vec x) {
  for (int i = 0; i < Simd<double>::lanes; i++) x[i] = std::log(x[i]);
  return x;
}
template <class T> void sigmoid(T* x, long n) {  // over whole vectors: rows of a `Rows` are padded
  for (T* p = x; p < x + n; p += Simd<T>::lanes) Simd<T>::store(p, T(1) / (T(1) + exponential(-Simd<T>::load(p))));
}
template <class T> void hyperbolic_tangent(T* x, long n) {
  for (T* p = x; p < x + n; p += Simd<T>::lanes)
    Simd<T>::store(p, T(2) / (T(1) + exponential(T(-2) * Simd<T>::load(p))) - T(1));
}
