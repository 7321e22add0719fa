// Numbers that functions of doubles are made of, fixed-point, computed by tests/doubles/terms.py.

//: double_two_over_pi
// The bits of 2 / pi, behind 128 that are 0.
constant ulong double_two_over_pi[21] = {
    0x0ul, 0x0ul, 0xa2f9836e4e441529ul, 0xfc2757d1f534ddc0ul,
    0xdb6295993c439041ul, 0xfe5163abdebbc561ul, 0xb7246e3a424dd2e0ul, 0x6492eea09d1921cul,
    0xfe1deb1cb129a73eul, 0xe88235f52ebb4484ul, 0xe99c7026b45f7e41ul, 0x3991d639835339f4ul,
    0x9c845f8bbdf9283bul, 0x1ff897ffde05980ful, 0xef2f118b5a0a6d1ful, 0x6d367ecf27cb09b7ul,
    0x4f463f669e5fea2dul, 0x7527bac7ebe5f17bul, 0x3d0739f78a5292eaul, 0x6bfb5fb11f8d5d08ul,
    0x56033046fc7b6babul,
};

//: double_power_terms
// 2**x for 0 <= x < 1, by powers of x; 63 bits.
constant ulong double_power_terms[14] = {
    0x8000000000000000ul, 0x58b90bfbe8e7bcd5ul, 0x1ebfbdff82c58e9ful, 0x71ac235c12831bful,
    0x13b2ab6fba4be84ul, 0x2bb0ffcf16a13eul, 0x50c244bd553c8ul, 0x7ff2ff4be73bul,
    0xb1600757502ul, 0xda93d520a9ul, 0xf24d4b3eful, 0xf5e60a22ul,
    0xd3e2bb3ul, 0x10a6892ul,
};

//: double_odd_terms
// 1 / (2 i + 1); 63 bits.
constant ulong double_odd_terms[13] = {
    0x8000000000000000ul, 0x2aaaaaaaaaaaaaaaul, 0x1999999999999999ul, 0x1249249249249249ul,
    0xe38e38e38e38e38ul, 0xba2e8ba2e8ba2e8ul, 0x9d89d89d89d89d8ul, 0x888888888888888ul,
    0x787878787878787ul, 0x6bca1af286bca1aul, 0x618618618618618ul, 0x590b21642c8590bul,
    0x51eb851eb851eb8ul,
};

//: double_sin_terms
// 1 / (2 i + 1)!; 63 bits.
constant ulong double_sin_terms[10] = {
    0x8000000000000000ul, 0x1555555555555555ul, 0x111111111111111ul, 0x6806806806806ul,
    0x171de3a556c7ul, 0x35cc8acfeaul, 0x5849184eul, 0x6b9fcful,
    0x654bul, 0x4bul,
};

//: double_cos_terms
// 1 / (2 i)!; 63 bits.
constant ulong double_cos_terms[11] = {
    0x8000000000000000ul, 0x4000000000000000ul, 0x555555555555555ul, 0x2d82d82d82d82dul,
    0xd00d00d00d00ul, 0x24fc9f6ef13ul, 0x47bb63bfeul, 0x64e5d2aul,
    0x6b9fcul, 0x5a0ul, 0x3ul,
};

//: double_expm1_terms
// 1 / (i + 1)!; 63 bits.
constant ulong double_expm1_terms[15] = {
    0x8000000000000000ul, 0x4000000000000000ul, 0x1555555555555555ul, 0x555555555555555ul,
    0x111111111111111ul, 0x2d82d82d82d82dul, 0x6806806806806ul, 0xd00d00d00d00ul,
    0x171de3a556c7ul, 0x24fc9f6ef13ul, 0x35cc8acfeaul, 0x47bb63bfeul,
    0x5849184eul, 0x64e5d2aul, 0x6b9fcful,
};

//: double_atan_values
// atan(i / 8); 64 bits.
constant ulong double_atan_values[9] = {
    0x0ul, 0x1fd5ba9aac2f6dc6ul, 0x3eb6ebf25901bac5ul, 0x5bd86507937bc239ul,
    0x76b19c1586ed3da2ul, 0x8f005d5ef7f59f9bul, 0xa4bc7d1934f70924ul, 0xb8053e2bc2319e73ul,
    0xc90fdaa22168c234ul,
};

//: double_erf_terms
// erf(x) / x by powers of -x * x; 63 bits.
constant ulong double_erf_terms[14] = {
    0x906eba8214db688dul, 0x3024e8d606f3cd84ul, 0xe71790d0215f0daul, 0x37059c625116a1bul,
    0xab2de6873529f7ul, 0x1c02db40040b85ul, 0x3f3464df37136ul, 0x7d34970f830bul,
    0xdcf364ee328ul, 0x15f742ec43eul, 0x1fcc572062ul, 0x2a3ae3038ul,
    0x33cd5abcul, 0x3b08a79ul,
};

//: double_erfcx_terms
// erfc(x) exp(x * x) (1 + 2 x) by powers of (x - 4) / (x + 4); 62 bits.
constant long double_erfcx_terms[29] = {
    long(0x4ee9645ba7f5fb2bul), long(0xf710729755aeb8deul), long(0xfbfaefb37ebdfbul), long(0x45bb3bf3e94e434ul),
    long(0xf9889370f05bb8c7ul), long(0x5ffb8013849816aul), long(0xfbc13e4806de0bd6ul), long(0x260f3dbed01e027ul),
    long(0xfef69dc77aa99ed0ul), long(0x52719ca1aa8dacul), long(0xfff395ab33f9457cul), long(0xfffcbc41b4b06ed2ul),
    long(0x277c062cfeb15ul), long(0xffff99a9ad9c7e62ul), long(0xffffd0efda2609cdul), long(0x17f2a028a2d1ul),
    long(0x1383d73d847ul), long(0xfffffc897c2f0e09ul), long(0x54f949a0f4ul), long(0x7732f4a053ul),
    long(0xffffffe82f964bb6ul), long(0xffffffef5833824aul), long(0x484de60c5ul), long(0x2699b7a85ul),
    long(0xffffffff45af7174ul), long(0xffffffffb062b065ul), long(0x17d08fcdul), long(0x6326240ul),
    long(0xfffffffffe3d5c3bul),
};

//: double_stirling_terms
// Stirling's series by powers of -1 / (x * x); 63 bits.
constant ulong double_stirling_terms[9] = {
    0xaaaaaaaaaaaaaaaul, 0x5b05b05b05b05bul, 0x1a01a01a01a01aul, 0x13813813813813ul,
    0x1b951e2b18ff23ul, 0x3ed561b33278f9ul, 0xd20d20d20d20d2ul, 0x3c850d961ea72fbul,
    0x16fe96381e067ffaul,
};

//: double_lgamma1_terms
// lgamma(1 + x) / x by powers of 4 x; 62 bits.
constant long double_lgamma1_terms[24] = {
    long(0xdb0ee6072093ce17ul), long(0xd28d3312983e992ul), long(0xfe65b2aa4154d291ul), long(0x4544c8ab1f6121ul),
    long(0xfff2ba31f42acf5dul), long(0x2b68196201860ul), long(0xffff6c7e2f118ac6ul), long(0x202166d5f0ceul),
    long(0xfffff8dfe63e4bb2ul), long(0x19a01e38594ul), long(0xffffffa2dcf3359eul), long(0x1556ad6499ul),
    long(0xfffffffb1389b939ul), long(0x12496da49ul), long(0xffffffffbbbaffc1ul), long(0x10001c54ul),
    long(0xfffffffffc3c8a57ul), long(0xe37b33ul), long(0xffffffffffc9c8d0ul), long(0xce08ful),
    long(0xfffffffffffd2894ul), long(0xad7dul), long(0xffffffffffffc09ful), long(0xf34ul),
};

//: double_lgamma2_terms
// lgamma(2 + x) / x by powers of 2 x; 62 bits.
constant long double_lgamma2_terms[24] = {
    long(0x1b0ee6072093ce17ul), long(0xa51a6625307d323ul), long(0xfeec1ffe5aa89f98ul), long(0x2a264558fb0907ul),
    long(0xfff86fec0f79c284ul), long(0x17add6eadb6c3ul), long(0xffffb1d4e8f501baul), long(0x10b36af8639aul),
    long(0xfffffc58056712e3ul), long(0xd093d8789eul), long(0xffffffd0e43481fful), long(0xac06e77eeul),
    long(0xfffffffd8686de63ul), long(0x92cbcf33ul), long(0xffffffffddc98900ul), long(0x8032c96ul),
    long(0xfffffffffe1dc7f1ul), long(0x71d14ful), long(0xffffffffffe4e14bul), long(0x670c6ul),
    long(0xfffffffffffe9436ul), long(0x56c2ul), long(0xffffffffffffe04ful), long(0x79aul),
};
