# OpenSSL: the libraries as archives for the interpreter, and the program `openssl` for roots without one. Sourced by compiled.py.
#
# The old algorithms of the fabric's PFX (3DES, RC2) are in the legacy provider, which `no-module` makes part of the program. Left
# out is what neither a TLS client nor CMS, PKCS#12 and X.509 need. Odd: OpenSSL writes CFLAGS into the program, so that all flags
# are in the compiler's wrapper; and its folder is one that nobody has, because the guest's openssl.cnf is for the guest's OpenSSL.
left_out=(
  no-shared no-module no-dso no-tests no-docs no-engine no-async no-ktls no-afalgeng
  no-quic no-sctp no-srp no-psk no-srtp no-dtls no-comp no-ct no-ts no-cmp no-nextprotoneg no-ssl3
  no-gost no-idea no-seed no-camellia no-aria no-bf no-cast no-md4 no-mdc2 no-whirlpool no-sm2 no-sm3 no-sm4 no-siphash
  no-blake2 no-ml-dsa no-slh-dsa
)
perl ./Configure "linux-$arch" "${left_out[@]}" --prefix=/usr --libdir=lib --openssldir=/usr/lib/waagent/ssl CC=zcc AR=zar RANLIB=zranlib
make -s -j"$jobs" build_generated
make -s -j"$jobs" libcrypto.a libssl.a apps/openssl
