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
        .target(
            name: "Shared",
            dependencies: [
                "CLinux",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Yams", package: "Yams"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "BetIngest",
            dependencies: [
                "Shared", "Version",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Crypto", package: "swift-crypto"),
            ],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "WinnersService",
            dependencies: [
                "Shared", "Version",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "Agency",
            dependencies: [
                "Shared", "Version",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings
        ),
        // What tests share: a disk that fails as disks do, sample bets, real programs as child processes.
        .target(
            name: "TestKit",
            dependencies: [
                "Shared",
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Tests/TestKit",
            swiftSettings: settings
        ),
        .testTarget(
            name: "SharedTests",
            dependencies: [
                "Shared", "TestKit",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "InMemoryLogging", package: "swift-log"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "BetIngestTests",
            dependencies: [
                "BetIngest", "TestKit",
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "WinnersServiceTests",
            dependencies: [
                "WinnersService", "TestKit",
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "AgencyTests",
            dependencies: [
                "Agency", "TestKit",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "InMemoryLogging", package: "swift-log"),
            ],
            swiftSettings: settings
        ),
        // Real processes over both ports: it needs the programs, and links none of them.
        .testTarget(
            name: "IntegrationTests",
            dependencies: ["Shared", "TestKit", "BetIngest", "WinnersService", "Agency"],
            swiftSettings: settings
        ),
        // Whole draws in one thread, over simulated network, disk and clock.
        .testTarget(
            name: "SimulationTests",
            dependencies: [
                "Shared", "TestKit", "BetIngest", "WinnersService", "Agency",
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings
        ),
        // Thousands of connections to the real services.
        .testTarget(
            name: "CrowdTests", dependencies: ["Shared", "TestKit", "BetIngest", "WinnersService"],
            swiftSettings: settings),
        .target(name: "CFaultShim", path: "Tests/CFaultShim"),
        // Real processes whose system calls fail, whose disk is full, and that are killed: links no program either.
        .testTarget(
            name: "FaultTests",
            dependencies: ["Shared", "TestKit", "BetIngest", "WinnersService", "Agency"],
            swiftSettings: settings
        ),
        .testTarget(name: "TidyTests", dependencies: ["Shared", "TestKit"], swiftSettings: settings),
    ]
)
