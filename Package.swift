// swift-tools-version: 6.2
import PackageDescription

// QUINIELA_STRICT=1 (`make check`, CI) turns every warning of this package into an error. Users do not set it, so
// a newer compiler with a new warning never keeps them from building.
let isStrict = Context.environment["QUINIELA_STRICT"] == "1"

let settings: [SwiftSetting] =
    [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableExperimentalFeature("Lifetimes"),
    ] + (isStrict ? [.treatAllWarnings(as: .error)] : [])

extension Target {
    /// A library of its own below Sources/Shared.
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
    static let crypto = product(name: "Crypto", package: "swift-crypto")
}

/// The rooms, for tests, which look into all of them.
let rooms: [Target.Dependency] = [
    "AgencyLanguages", "Shell", "Connections", "Dialects", "Domain", "Ledger", "Platform", "Storage", "WireProtocol",
]

let package = Package(
    name: "quiniela",
    products: [
        .executable(name: "bet-ingest", targets: ["BetIngest"]),
        .executable(name: "winners-service", targets: ["WinnersService"]),
        .executable(name: "agency", targets: ["Agency"]),
        // For FaultTests, which load it into bet-ingest with LD_PRELOAD. Nothing links it.
        .library(name: "FaultShim", type: .dynamic, targets: ["CFaultShim"]),
    ],
    dependencies: [
        // Sockets and event loops: epoll, partial writes, accept back-off and name resolution are its job, not ours.
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        // Subcommands, flags and a --help that teaches.
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        // config.yaml with line numbers and every key that is in it.
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        // Log levels and the in-memory handler that the catalogue's tests read.
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        // Deque: the connection queue and the frames that wait in a connection.
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        // SHA-256 of the sealed ledger, of result.json and of rejected chunks.
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    ],
    targets: [
        // C shims for what the Glibc module lacks: the CRC32C instruction, O_DIRECT, fallocate, malloc tuning.
        .target(name: "CLinux"),
        // The version from git, written before each build. A program links it; nothing imports it.
        .target(name: "Version", plugins: ["ProgramVersion"]),
        .plugin(name: "ProgramVersion", capability: .buildTool()),
        // The rooms that the programs share, lowest first. What a room offers to others is declared `package`.
        .room("Domain"),
        .room("Platform", ["CLinux"]),
        .room("WireProtocol", ["Domain", "CLinux"]),
        .room("Dialects", ["Domain", "WireProtocol", .nioConcurrencyHelpers]),
        .room("AgencyLanguages", ["Domain", "WireProtocol"]),
        .room("Storage", ["Platform", "CLinux"]),
        .room("Ledger", ["Domain", "Platform", "Storage", "WireProtocol", .crypto]),
        .room(
            "Connections",
            [
                "Dialects", "Domain", "Ledger", "Platform", "Storage", "WireProtocol", .nioCore, .nioPosix,
                .nioConcurrencyHelpers, .deque,
            ]),
        .room(
            "Shell",
            [
                "CLinux", "Dialects", "Domain", "Ledger", "Platform", "Storage", .nioConcurrencyHelpers,
                .argumentParser,
                .logging, .product(name: "Yams", package: "Yams"),
            ]),
        .executableTarget(
            name: "BetIngest",
            dependencies: [
                "Shell", "Connections", "Dialects", "Domain", "Ledger", "Platform", "Storage", "WireProtocol",
                "Version", .nioCore, .nioConcurrencyHelpers, .deque, .argumentParser, .logging, .crypto,
            ],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "WinnersService",
            dependencies: [
                "Shell", "Connections", "Dialects", "Domain", "Ledger", "Platform", "Storage", "WireProtocol",
                "Version", .nioCore, .argumentParser,
            ],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "Agency",
            dependencies: [
                "AgencyLanguages", "Shell", "Domain", "Ledger", "Platform", "Storage", "WireProtocol", "Version",
                .nioCore, .nioPosix, .deque, .argumentParser, .logging,
            ],
            swiftSettings: settings
        ),
        // What tests share: a disk that fails as disks do, sample bets, real programs as child processes.
        .target(
            name: "TestKit",
            dependencies: [
                "AgencyLanguages", "Shell", "Dialects", "Domain", "Ledger", "Platform", "Storage", "WireProtocol",
                .nioConcurrencyHelpers, .logging,
            ],
            path: "Tests/TestKit",
            swiftSettings: settings
        ),
        .testTarget(
            name: "SharedTests",
            dependencies: rooms + [
                "TestKit", .nioCore, .nioConcurrencyHelpers, .nioEmbedded, .logging, .inMemoryLogging,
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
        // Real processes over both ports: it needs the programs, and links none of them.
        .testTarget(
            name: "IntegrationTests",
            dependencies: rooms + ["TestKit", "BetIngest", "WinnersService", "Agency", .nioConcurrencyHelpers],
            swiftSettings: settings
        ),
        // Whole draws in one thread, over simulated network, disk and clock.
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
        .target(name: "CFaultShim", path: "Tests/CFaultShim"),
        // Real processes whose system calls fail, whose disk is full, and that are killed: links no program either.
        .testTarget(
            name: "FaultTests", dependencies: rooms + ["TestKit", "BetIngest", "WinnersService", "Agency"],
            swiftSettings: settings
        ),
        .testTarget(name: "TidyTests", dependencies: rooms + ["TestKit"], swiftSettings: settings),
    ]
)
