// swift-tools-version: 6.2
import PackageDescription

// QUINIELA_STRICT=1 (`make check`, CI) turns every warning of this package into an error. Users do not set it, so new
// warnings of a newer compiler never break their build.
let isStrict = Context.environment["QUINIELA_STRICT"] == "1"

// `make` builds the other programs with QUINIELA_WITHOUT_CONSOLE=1: without hummingbird and the packages that it needs,
// which would be fetched although nothing of them is built.
let hasConsole = Context.environment["QUINIELA_WITHOUT_CONSOLE"] != "1"

let settings: [SwiftSetting] =
    [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableExperimentalFeature("Lifetimes"),
    ] + (isStrict ? [.treatAllWarnings(as: .error)] : [])

extension Target {
    /// Makes a library target below Sources/Shared.
    static func room(_ name: String, _ dependencies: [Dependency] = []) -> Target {
        .target(name: name, dependencies: dependencies, path: "Sources/Shared/\(name)", swiftSettings: settings)
    }
}

extension Target.Dependency {
    static let nioCore = product(name: "NIOCore", package: "swift-nio")
    static let nioPosix = product(name: "NIOPosix", package: "swift-nio")
    static let nioEmbedded = product(name: "NIOEmbedded", package: "swift-nio")
    static let nioConcurrencyHelpers = product(name: "NIOConcurrencyHelpers", package: "swift-nio")
    static let deque = product(name: "DequeModule", package: "swift-collections")
    static let argumentParser = product(name: "ArgumentParser", package: "swift-argument-parser")
    static let logging = product(name: "Logging", package: "swift-log")
    static let inMemoryLogging = product(name: "InMemoryLogging", package: "swift-log")
    static let nioSSL = product(name: "NIOSSL", package: "swift-nio-ssl")
    static let nioTLS = product(name: "NIOTLS", package: "swift-nio")
    static let x509 = product(name: "X509", package: "swift-certificates")
    static let asn1 = product(name: "SwiftASN1", package: "swift-asn1")
    static let crypto = product(name: "Crypto", package: "swift-crypto")
    static let hummingbird = product(name: "Hummingbird", package: "hummingbird")
    static let hummingbirdCore = product(name: "HummingbirdCore", package: "hummingbird")
    static let httpTypes = product(name: "HTTPTypes", package: "swift-http-types")
    static let serviceLifecycle = product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
    static let hummingbirdTLS = product(name: "HummingbirdTLS", package: "hummingbird")
    static let yams = product(name: "Yams", package: "Yams")
}

/// The rooms, as dependencies of the tests.
let rooms: [Target.Dependency] = [
    "AgencyLanguages", "Shell", "Connections", "Control", "Dialects", "Domain", "Identity", "Ledger",
    "LedgerOnJetStream", "Platform", "Monitoring", "ReplicatedLedger", "Storage", "TLS", "WireProtocol",
]

let package = Package(
    name: "quiniela",
    products: [
        .executable(name: "bet-ingest", targets: ["BetIngest"]),
        .executable(name: "winners-service", targets: ["WinnersService"]),
        .executable(name: "bet-ingest-pki", targets: ["Pki"]),
        .executable(name: "agency", targets: ["Agency"]),
        // For FaultTests, which load it into bet-ingest with LD_PRELOAD. No target links it.
        .library(name: "FaultShim", type: .dynamic, targets: ["CFaultShim"]),
    ],
    traits: [
        .trait(
            name: "JetStream",
            description: "The ledger on several machines, on NATS JetStream; needs libnats (Debian: libnats-dev).")
    ],
    dependencies: [
        // Sockets and event loops: epoll, partial writes and name resolution.
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        // Subcommands, flags and --help.
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        // Parsing config.yaml, with line numbers and every key in it.
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
        // Log levels, and the in-memory handler that the tests of log lines read.
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        // Deque: the connection queue and the frames queued in a connection.
        .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
        // The keys that bet-ingest pki makes; what the tests compare our SHA-256 with. No other program links it.
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
        // TLS 1.3 on both ports and in the agency: BoringSSL behind NIO's handlers.
        .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
        // Certificates: bet-ingest pki makes, signs and lists them.
        .package(url: "https://github.com/apple/swift-certificates", exact: "1.21.1"),
        // Dependencies of the above, named here to fix their versions (ADR 14).
        .package(url: "https://github.com/apple/swift-asn1", exact: "1.7.4"),
        .package(url: "https://github.com/apple/swift-atomics", exact: "1.3.0"),
        .package(url: "https://github.com/apple/swift-system", exact: "1.8.1"),
    ],
    targets: [
        // C shims for what the Glibc module lacks: the CRC-32C instruction, O_DIRECT, fallocate, malloc tuning.
        .target(name: "CLinux"),
        // The version from git, written before each build. A program links it; nothing imports it.
        .target(name: "Version", plugins: ["ProgramVersion"]),
        .plugin(name: "ProgramVersion", capability: .buildTool()),
        // The rooms that the programs share, lowest first. Declarations for other rooms are `package`.
        .room("Domain"),
        .room("Platform", ["CLinux"]),
        .room("WireProtocol", ["Domain", "CLinux"]),
        .room("Dialects", ["Domain", "WireProtocol", .nioConcurrencyHelpers]),
        .room("AgencyLanguages", ["Domain", "WireProtocol"]),
        .room("Storage", ["Platform", "CLinux"]),
        .room("Ledger", ["Domain", "Platform", "Storage", "WireProtocol"]),
        .room("Monitoring", [.nioConcurrencyHelpers]),
        .room(
            "Shell",
            [
                "CLinux", "Dialects", "Domain", "Ledger", "Platform", "Storage", .nioConcurrencyHelpers,
                .argumentParser,
                .logging, .yams,
            ]),
        .room(
            "TLS",
            ["Domain", "Platform", "Shell", "Storage", .nioCore, .nioSSL, .nioTLS, .nioConcurrencyHelpers]),
        .room(
            "Connections",
            [
                "Dialects", "Domain", "Ledger", "Monitoring", "Platform", "Storage", "TLS", "WireProtocol", .nioCore,
                .nioPosix, .nioConcurrencyHelpers, .deque,
            ]),
        .room(
            "Identity",
            [
                "Connections", "Dialects", "Domain", "Ledger", "Monitoring", "Platform", "Shell", "Storage", "TLS",
                "WireProtocol", .nioConcurrencyHelpers, .yams,
            ]),
        .room("ReplicatedLedger", ["Domain", "Ledger", "Platform", "Storage", "WireProtocol"]),
        // The C client of NATS, of Debian's libnats-dev: reconnection, TLS, headers. Nothing of it without the trait.
        .systemLibrary(name: "CNATS", pkgConfig: "libnats", providers: [.apt(["libnats-dev"])]),
        .room(
            "LedgerOnJetStream",
            [
                "Domain", "Platform", "ReplicatedLedger", "Shell", .nioConcurrencyHelpers,
                .target(name: "CNATS", condition: .when(traits: ["JetStream"])),
            ]),
        .room(
            "Control",
            [
                "Domain", "Identity", "Ledger", "Monitoring", "Platform", "ReplicatedLedger", "Storage", "TLS",
                .nioCore, .nioPosix,
            ]),
        .executableTarget(
            name: "BetIngest",
            dependencies: [
                "Shell", "Connections", "Control", "Dialects", "Domain", "Identity", "Ledger", "LedgerOnJetStream",
                "Monitoring", "Platform", "ReplicatedLedger", "Storage", "TLS", "WireProtocol", "Version", .nioCore,
                .nioConcurrencyHelpers, .deque, .argumentParser, .logging, .yams,
            ],
            swiftSettings: settings
        ),
        // bet-ingest pki. A program of its own, so that nobody who only builds the services builds swift-certificates.
        .executableTarget(
            name: "Pki",
            dependencies: [
                "Shell", "Domain", "Identity", "Ledger", "Platform", "Storage", "Version", .argumentParser, .crypto,
                .x509,
                .asn1,
            ],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "WinnersService",
            dependencies: [
                "Shell", "Connections", "Control", "Dialects", "Domain", "Identity", "Ledger", "LedgerOnJetStream",
                "Monitoring", "Platform", "ReplicatedLedger", "Storage", "TLS", "WireProtocol", "Version", .nioCore,
                .nioConcurrencyHelpers, .argumentParser,
            ],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "Agency",
            dependencies: [
                "AgencyLanguages", "Shell", "Domain", "Ledger", "Platform", "Storage", "TLS", "WireProtocol", "Version",
                .nioCore, .nioPosix, .deque, .argumentParser, .logging,
            ],
            swiftSettings: settings
        ),
        // Shared test support: a simulated disk with faults, sample bets, real programs as child processes.
        .target(
            name: "TestKit",
            dependencies: [
                "AgencyLanguages", "Shell", "Dialects", "Domain", "Ledger", "Platform", "ReplicatedLedger", "Storage",
                "WireProtocol", .nioConcurrencyHelpers, .logging,
                // Not imported: without a target that names them SwiftPM warns about the packages whose versions are fixed.
                .product(name: "Atomics", package: "swift-atomics"),
                .product(name: "SwiftASN1", package: "swift-asn1"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            path: "Tests/TestKit",
            swiftSettings: settings
        ),
        .testTarget(
            name: "SharedTests",
            dependencies: rooms + [
                "TestKit", .crypto, .nioCore, .nioConcurrencyHelpers, .nioEmbedded, .logging, .inMemoryLogging,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "BetIngestTests",
            dependencies: rooms + ["BetIngest", "TestKit", .nioCore, .nioConcurrencyHelpers, .nioEmbedded, .logging],
            swiftSettings: settings
        ),
        .testTarget(
            name: "WinnersServiceTests", dependencies: rooms + ["WinnersService", "TestKit", .nioEmbedded, .nioCore],
            swiftSettings: settings
        ),
        .testTarget(
            name: "AgencyTests", dependencies: rooms + ["Agency", "TestKit", .logging, .inMemoryLogging],
            swiftSettings: settings
        ),
        // Real processes over both ports; needs the programs but does not link them.
        .testTarget(
            name: "IntegrationTests",
            dependencies: rooms + [
                "TestKit", "BetIngest", "WinnersService", "Agency", "Pki", .nioConcurrencyHelpers, .crypto,
                .x509,
            ],
            swiftSettings: settings
        ),
        // Whole draws in one thread, on a simulated network, disk and clock.
        .testTarget(
            name: "SimulationTests",
            dependencies: rooms + [
                "TestKit", "BetIngest", "WinnersService", "Agency", .nioEmbedded, .nioCore, .nioConcurrencyHelpers,
                .logging,
            ],
            swiftSettings: settings
        ),
        // Thousands of connections to the real services.
        .testTarget(
            name: "CrowdTests", dependencies: rooms + ["TestKit", "BetIngest", "WinnersService"],
            swiftSettings: settings),
        // The programs on three real NATS servers; skipped without the trait JetStream and `scripts/cluster install`.
        .testTarget(
            name: "ClusterTests", dependencies: rooms + ["TestKit", .nioConcurrencyHelpers], swiftSettings: settings),
        .target(name: "CFaultShim", path: "Tests/CFaultShim"),
        // Real processes with failing system calls, full disks and kills; does not link the programs either.
        .testTarget(
            name: "FaultTests", dependencies: rooms + ["TestKit", "BetIngest", "WinnersService", "Agency"],
            swiftSettings: settings
        ),
        .testTarget(name: "TidyTests", dependencies: rooms + ["TestKit"], swiftSettings: settings),
    ]
)

if hasConsole {
    package.products.append(.executable(name: "console", targets: ["Console"]))
    package.dependencies += [
        // HTTP for the console, the only program that links it.
        .package(url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1", traits: []),
        // Of hummingbird's dependencies, those that the console imports (ADR 18).
        .package(url: "https://github.com/apple/swift-http-types", exact: "1.8.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
    ]
    package.targets += [
        // The page, metrics and health. A program of its own, so that nobody who only builds the services builds hummingbird.
        .executableTarget(
            name: "Console",
            dependencies: [
                "Control", "Domain", "Identity", "Ledger", "Monitoring", "Platform", "Shell", "Storage", "TLS",
                "Version",
                .argumentParser, .logging, .hummingbird, .hummingbirdCore, .hummingbirdTLS, .httpTypes,
                .serviceLifecycle, .nioCore,
                .nioPosix,
            ],
            resources: [
                .embedInCode("Page/console.css"), .embedInCode("Page/console.js"), .embedInCode("Page/icon.svg"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ConsoleTests", dependencies: rooms + ["Console", "TestKit"], swiftSettings: settings),
    ]
}
