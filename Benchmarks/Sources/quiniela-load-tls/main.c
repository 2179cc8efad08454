// quiniela-load over TLS 1.3, by OpenSSL. LOAD_CA is the PEM file of the root; each connection has the same key pair,
// LOAD_CERT and LOAD_KEY, if they are set.
#define LOAD_TLS 1
#include "../quiniela-load/main.c"
