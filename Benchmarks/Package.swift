// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that nobody who builds Quiniela builds this. `make bench-quick` builds and runs it.
//
// All programs are C, so that what is measured is the service: a generator must be cheaper than anything it measures,
// and the receiver is the limit that this machine sets to any language. The program that consultations are compared with is in
// Swift, and a package of its own, Echo: it needs swift-nio, which takes minutes to build.
let settings: [CSetting] = [.headerSearchPath("../measure"), .unsafeFlags(["-O2", "-Wall", "-Wextra"])]

// `bench.py tls` needs OpenSSL's headers (Debian's libssl-dev); nothing else does.
let tls: [Target] =
    Context.environment["BENCH_TLS"] == "1"
    ? [
        .executableTarget(
            name: "quiniela-load-tls", cSettings: settings,
            linkerSettings: [.linkedLibrary("ssl"), .linkedLibrary("crypto")])
    ] : []

let package = Package(
    name: "quiniela-benchmarks",
    targets: [
        .executableTarget(name: "quiniela-load", cSettings: settings),
        .executableTarget(name: "quiniela-consult", cSettings: settings),
        .executableTarget(name: "quiniela-limit", cSettings: settings),
    ] + tls
)
