// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that nobody who builds Quiniela builds this. `scripts/fuzz` builds and runs it.
//
// The code under test has package access and no product: symbolic links put it into this package, where it is compiled
// with libFuzzer's coverage. The dependencies are those of the main package; scripts/fuzz gives both the same versions.
let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableExperimentalFeature("Lifetimes"),
]

/// A fuzzer: an executable without `main`, which libFuzzer brings.
func fuzzer(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .executableTarget(name: name, dependencies: ["Shared", "FuzzKit"] + dependencies, swiftSettings: settings)
}

let package = Package(
    name: "quiniela-fuzzing",
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    ],
    targets: [
        .target(name: "CLinux"),
        .target(
            name: "Shared",
            dependencies: [
                "CLinux",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "Yams", package: "Yams"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings
        ),
        .target(name: "FuzzKit", dependencies: ["Shared"], swiftSettings: settings),
        fuzzer("FuzzFrames"),
        fuzzer("FuzzMessages"),
        fuzzer("FuzzColumns"),
        fuzzer("FuzzDialects"),
        fuzzer("FuzzLedger"),
        fuzzer("FuzzCSV"),
        fuzzer("FuzzConfiguration"),
        fuzzer("FuzzPublished", [.product(name: "Crypto", package: "swift-crypto")]),
    ]
)
