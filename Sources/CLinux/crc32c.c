// CRC-32C. The hardware path runs three independent streams, because the instruction has a latency of three cycles and
// a throughput of one; the streams are joined with tables of "append n zero bytes" (Mark Adler's method).
#include <string.h>

#include "CLinux.h"

#define POLYNOMIAL 0x82f63b78u

static uint32_t table[8][256];

static inline uint64_t load64(const unsigned char *p) {
    uint64_t value;
    memcpy(&value, p, 8);
    return value;
}

uint32_t clinux_crc32c_table(uint32_t crc, const void *bytes, size_t count) {
    const unsigned char *p = bytes;
    crc = ~crc;
    while (count >= 8) {
        uint64_t word = 0;
        for (int i = 7; i >= 0; i--) word = word << 8 | p[i];  // little-endian on every machine
        word ^= crc;
        crc = 0;
        for (int i = 0; i < 8; i++) crc ^= table[7 - i][(word >> (8 * i)) & 255];
        p += 8;
        count -= 8;
    }
    while (count--) crc = table[0][(crc ^ *p++) & 255] ^ crc >> 8;
    return ~crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>
#define TARGET __attribute__((target("sse4.2")))
#define STEP64(crc, value) _mm_crc32_u64((crc), (value))
#define STEP8(crc, value) _mm_crc32_u8((uint32_t)(crc), (value))
static int has_instruction(void) { return __builtin_cpu_supports("sse4.2"); }
#elif defined(__aarch64__)
#include <arm_acle.h>
#include <sys/auxv.h>
#define TARGET __attribute__((target("crc")))
#define STEP64(crc, value) __crc32cd((uint32_t)(crc), (value))
#define STEP8(crc, value) __crc32cb((uint32_t)(crc), (value))
static int has_instruction(void) { return (getauxval(AT_HWCAP) & (1u << 7)) != 0; }  // HWCAP_CRC32
#endif

#ifdef TARGET
enum { LONG_STREAM = 2048, SHORT_STREAM = 256 };
static uint32_t long_zeros[4][256], short_zeros[4][256];
static int use_instruction;

/// Fills `zeros` so that it maps a CRC to the CRC of the same bytes followed by `count` zero bytes. The map is linear:
/// it is computed for the 32 single bits and combined with XOR for the rest.
static void fill_zeros(uint32_t zeros[4][256], size_t count) {
    for (int lane = 0; lane < 4; lane++) {
        zeros[lane][0] = 0;
        for (int n = 1; n < 256; n++) {
            int rest = n & (n - 1);
            if (rest != 0) {
                zeros[lane][n] = zeros[lane][rest] ^ zeros[lane][n ^ rest];
                continue;
            }
            uint32_t crc = (uint32_t)n << (8 * lane);
            for (size_t i = 0; i < count; i++) crc = table[0][crc & 255] ^ crc >> 8;
            zeros[lane][n] = crc;
        }
    }
}

static inline uint32_t append_zeros(uint32_t zeros[4][256], uint32_t crc) {
    return zeros[0][crc & 255] ^ zeros[1][(crc >> 8) & 255] ^ zeros[2][(crc >> 16) & 255] ^ zeros[3][crc >> 24];
}

TARGET static inline const unsigned char *three_streams(
    const unsigned char *p, uint64_t *crc, size_t stream, uint32_t zeros[4][256]) {
    uint64_t first = *crc, second = 0, third = 0;
    for (const unsigned char *end = p + stream; p < end; p += 8) {
        first = STEP64(first, load64(p));
        second = STEP64(second, load64(p + stream));
        third = STEP64(third, load64(p + 2 * stream));
    }
    *crc = append_zeros(zeros, append_zeros(zeros, (uint32_t)first) ^ (uint32_t)second) ^ (uint32_t)third;
    return p + 2 * stream;
}

TARGET static uint32_t crc32c_instruction(uint32_t start, const void *bytes, size_t count) {
    const unsigned char *p = bytes;
    uint64_t crc = ~start;
    for (; count >= 3 * LONG_STREAM; count -= 3 * LONG_STREAM) p = three_streams(p, &crc, LONG_STREAM, long_zeros);
    for (; count >= 3 * SHORT_STREAM; count -= 3 * SHORT_STREAM) p = three_streams(p, &crc, SHORT_STREAM, short_zeros);
    for (; count >= 8; count -= 8, p += 8) crc = STEP64(crc, load64(p));
    while (count--) crc = STEP8(crc, *p++);
    return ~(uint32_t)crc;
}
#endif

// Combining checksums. Polynomials are reflected: the highest bit is the coefficient of x^0.

/// a × b modulo the polynomial (Mark Adler's multmodp of zlib).
static uint32_t multiply(uint32_t a, uint32_t b) {
    uint32_t product = 0;
    for (uint32_t bit = 1u << 31; bit != 0; bit >>= 1) {
        if (a & bit) product ^= b;
        b = b & 1 ? POLYNOMIAL ^ b >> 1 : b >> 1;
    }
    return product;
}

/// powers[k] is x^(8 × 2^k), by which appending 2^k zero bytes multiplies a checksum.
static uint32_t powers[64];

#if defined(__x86_64__)
#include <wmmintrin.h>
/// reduced_powers[k][n] is x^(8 × n × 256^k - 32): a multiplication for each byte of a count. The CRC instruction that
/// reduces the product multiplies it by x^32.
static uint32_t reduced_powers[sizeof(size_t)][256];
static int use_carryless;

__attribute__((target("sse4.2,pclmul"))) static uint32_t append_zero_bytes_carryless(uint32_t crc, size_t count) {
    for (int k = 0; count != 0; count >>= 8, k++) {
        if (!(count & 255)) continue;
        __m128i product = _mm_clmulepi64_si128(
            _mm_cvtsi32_si128((int)reduced_powers[k][count & 255]), _mm_cvtsi32_si128((int)crc), 0);
        crc = (uint32_t)_mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product) << 1);
    }
    return crc;
}
#endif

static void fill_powers(void) {
    uint32_t power = 1u << 30;  // x
    for (int k = 0; k < 3; k++) power = multiply(power, power);
    for (int k = 0; k < 64; k++) {
        powers[k] = power;
        power = multiply(power, power);
    }
#if defined(__x86_64__)
    // x has the order 2^31 - 1, so x^-32 is x^(2^31 - 33).
    uint32_t inverse = 1u << 31, factor = 1u << 30;
    for (uint32_t exponent = 0x7FFFFFDFu; exponent != 0; exponent >>= 1) {
        if (exponent & 1) inverse = multiply(inverse, factor);
        factor = multiply(factor, factor);
    }
    for (size_t k = 0; k < sizeof(size_t); k++) {
        uint32_t product = inverse;
        for (int n = 0; n < 256; n++) {
            reduced_powers[k][n] = product;
            product = multiply(product, powers[8 * k]);
        }
    }
    use_carryless = __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
#endif
}

uint32_t clinux_crc32c_combine_portable(uint32_t first, uint32_t second, size_t second_count) {
    for (int k = 0; second_count != 0; second_count >>= 1, k++) {
        if (second_count & 1) first = multiply(powers[k], first);
    }
    return first ^ second;
}

uint32_t clinux_crc32c_combine(uint32_t first, uint32_t second, size_t second_count) {
#if defined(__x86_64__)
    if (use_carryless) return append_zero_bytes_carryless(first, second_count) ^ second;
#endif
    return clinux_crc32c_combine_portable(first, second, second_count);
}

__attribute__((constructor)) static void fill_tables(void) {
    for (uint32_t n = 0; n < 256; n++) {
        uint32_t crc = n;
        for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? POLYNOMIAL ^ crc >> 1 : crc >> 1;
        table[0][n] = crc;
    }
    for (int k = 1; k < 8; k++) {
        for (int n = 0; n < 256; n++) table[k][n] = table[0][table[k - 1][n] & 255] ^ table[k - 1][n] >> 8;
    }
    fill_powers();
#ifdef TARGET
    fill_zeros(long_zeros, LONG_STREAM);
    fill_zeros(short_zeros, SHORT_STREAM);
    use_instruction = has_instruction();
#endif
}

uint32_t clinux_crc32c(uint32_t crc, const void *bytes, size_t count) {
#ifdef TARGET
    if (use_instruction) return crc32c_instruction(crc, bytes, count);
#endif
    return clinux_crc32c_table(crc, bytes, count);
}
