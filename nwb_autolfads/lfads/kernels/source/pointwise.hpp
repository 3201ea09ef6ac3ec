// What is done to elements one by one: the likelihood of a gamma variable with its slopes, and dropout masks.
#pragma once
#include "rows.hpp"

// ---- gamma likelihood ---------------------------------------------------------------------------------------------
// -log p of x and its slopes for log mean m and log concentration k, in place of x, m and k; see gamma.py. m and k are
// held within `bounds` (lowest m, highest m, lowest k, highest k), beyond which their slopes are 0
template <class T> void gamma_terms(long n, const T* bounds, T* x, T* m, T* k) {
  typedef Simd<T> S;
  typedef typename S::vec vec;
  const vec zero{}, one = zero + T(1), half_log_2pi = zero + T(0.91893853320467274178);
  for (long i = 0; i < n; i += S::lanes) {
    const vec given_m = S::load(m + i), given_k = S::load(k + i);
    const vec log_mean = limited<T>(given_m, bounds[0], bounds[1]), log_a = limited<T>(given_k, bounds[2], bounds[3]);
    const vec log_x = logarithm(S::load(x + i)), r = log_x - log_mean, a = exponential(log_a);
    // e^r - 1 - r, where it would cancel by its series
    vec series = one;
    for (int term = 12; term > 2; term--) series = one + series * r * T(1.0 / term);
    vec excess = exponential(r) - one - r;
    excess = (r < T(0.5)) & (r > T(-0.5)) ? T(0.5) * r * r * series : excess;
    // lgamma and digamma by Stirling's series at A = a + shift, from 8 on; p = a (a + 1) ... (a + 7) and d = dp/da
    const vec small = a < T(8) ? one : zero, shift = small * T(8);
    vec p = one, d = zero;
    for (int j = 0; j < 8; j++) {
      const vec factor = a + T(j);
      d = d * factor + p;
      p = p * factor;
    }
    const vec above = small > zero ? d / p : zero;
    p = small > zero ? p : one;
    const vec A = a + shift, log_A = small > zero ? logarithm(A) : log_a, u = one / A, v = u * u;
    const vec tail = u * (T(1.0 / 12) - v * (T(1.0 / 360) - v * (T(1.0 / 1260) - v * (T(1.0 / 1680) - v * T(1.0 / 1188)))));
    const vec bend = v * (T(1.0 / 12) - v * (T(1.0 / 120) - v * (T(1.0 / 252) - v * (T(1.0 / 240) - v * T(1.0 / 132)))));
    // lgamma(a) - a log a + a, and its derivative
    const vec log_ratio = log_A - log_a;
    const vec constant = a * log_ratio + (shift - T(0.5)) * log_A - logarithm(p) - shift + half_log_2pi + tail;
    const vec slope = log_ratio - T(0.5) * u - bend - above;
    S::store(x + i, a * excess + constant + log_x);
    S::store(m + i, log_mean == given_m ? -a * (excess + r) : zero);
    S::store(k + i, log_a == given_k ? a * (excess + slope) : zero);
  }
}

// Rows of x (rows, N) and of the read-out (rows, 2 N): nll (rows, N), its slopes (rows, 2 N)
template <class T>
void gamma_nll(long rows, long N, long threads, const T* x, const T* readout, const T* bounds, T* nll, T* slopes) {
  in_batches(1, rows, std::max(1L, 2048 / N), threads, [&](long, long, long first, long count) {
    Rows<T> flat(3, count * N);  // x, log mean, log concentration
    std::copy_n(x + first * N, count * N, flat.row(0));
    for (long i = 0; i < count; i++)
      for (long half = 0; half < 2; half++)
        std::copy_n(readout + ((first + i) * 2 + half) * N, N, flat.row(1 + half) + i * N);
    gamma_terms(count * N, bounds, flat.row(0), flat.row(1), flat.row(2));
    std::copy_n(flat.row(0), count * N, nll + first * N);
    for (long i = 0; i < count; i++)
      for (long half = 0; half < 2; half++)
        std::copy_n(flat.row(1 + half) + i * N, N, slopes + ((first + i) * 2 + half) * N);
  });
}

// ---- dropout masks ------------------------------------------------------------------------------------------------
// Element i of a SplitMix64 stream (Steele et al. 2014)
inline uint64_t split_mix(uint64_t seed, uint64_t i) {
  uint64_t z = seed + (i + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

constexpr long kWords = 1024;  // 64-bit draws at a time
// mask (P, n): kept[p], or 0 where the 16 bits that the stream of seeds[p] has for an element are below first_kept[p]
template <class T>
void draw_mask(long P, long n, long threads, const long* seeds, const T* first_kept, const T* kept, T* mask) {
  const long words = (n + 3) / 4;
  in_batches(P, words, kWords, threads, [&](long p, long, long first, long count) {
    uint64_t drawn[kWords];
    int16_t bits[4 * kWords];
    for (long i = 0; i < count; i++) drawn[i] = split_mix(uint64_t(seeds[p]), first + i);
    std::memcpy(bits, drawn, count * sizeof(uint64_t));
    T* __restrict to = mask + p * n + 4 * first;
    const int32_t limit = int32_t(first_kept[p]);
    const T value = kept[p];
    for (long j = 0, used = std::min(4 * count, n - 4 * first); j < used; j++) to[j] = bits[j] >= limit ? value : T(0);
  });
}
