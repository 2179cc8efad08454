// The NATS client of the package libnats-dev.
#include <nats/nats.h>
