// swift-tools-version: 6.2
import PackageDescription

// A separate package, so that a build of Quiniela does not include it. `scripts/fuzz` builds and runs it.
//
// The code under test has package access and no product, so symbolic links include it in this package, where it is
// compiled with libFuzzer's coverage. The dependencies are those of the main package; scripts/fuzz pins the same versions.
let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableExperimentalFeature("Lifetimes"),
]

extension Target {
    /// A library target below Sources/Shared.
    static func room(_ name: String, _ dependencies: [Dependency] = []) -> Target {
        .target(name: name, dependencies: dependencies, path: "Sources/Shared/\(name)", swiftSettings: settings)
    }
}

extension Target.Dependency {
    static let nioConcurrencyHelpers = product(name: "NIOConcurrencyHelpers", package: "swift-nio")
    static let argumentParser = product(name: "ArgumentParser", package: "swift-argument-parser")
    static let logging = product(name: "Logging", package: "swift-log")
    static let yams = product(name: "Yams", package: "Yams")
}

/// A fuzzer: an executable without `main`, which libFuzzer provides.
func fuzzer(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(name: name, dependencies: ["FuzzKit"] + dependencies, swiftSettings: settings)
}

let package = Package(
    name: "quiniela-fuzzing",
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
    ],
    targets: [
        .target(name: "CLinux"),
        // The rooms that the programs share, lowest first. Their interfaces are declared `package`.
        .room("Domain"),
        .room("Platform", ["CLinux"]),
        .room("WireProtocol", ["Domain", "CLinux"]),
        .room("Dialects", ["Domain", "WireProtocol", .nioConcurrencyHelpers]),
        .room("AgencyLanguages", ["Domain", "WireProtocol"]),
        .room("Storage", ["Platform", "CLinux"]),
        .room("Ledger", ["Domain", "Platform", "Storage", "WireProtocol"]),
        .room(
            "Shell",
            [
                "CLinux", "Dialects", "Domain", "Ledger", "Platform", "Storage", .nioConcurrencyHelpers,
                .argumentParser,
                .logging, .yams,
            ]),
        .room("ReplicatedLedger", ["Domain", "Ledger", "Platform", "Storage", "WireProtocol"]),
        .target(name: "FuzzKit", dependencies: ["Domain", "Storage", "WireProtocol"], swiftSettings: settings),
        fuzzer("FuzzFrames", ["Dialects", "WireProtocol"]),
        fuzzer("FuzzMessages", ["Domain", "Ledger", "WireProtocol"]),
        fuzzer("FuzzColumns", ["Domain", "WireProtocol"]),
        fuzzer("FuzzDialects", ["AgencyLanguages", "Dialects", "Domain", "WireProtocol"]),
        fuzzer("FuzzLedger", ["Domain", "Ledger", "Storage", "WireProtocol"]),
        // The reader of agencies' files belongs to the agency; a symbolic link includes it here.
        fuzzer("FuzzCSV", ["Domain", "Platform", "Shell", "Storage", "WireProtocol"]),
        fuzzer("FuzzConfiguration", ["Domain", "Ledger", "Shell"]),
        fuzzer("FuzzPublished", ["Ledger", "WireProtocol"]),
        fuzzer("FuzzStream", ["Domain", "Ledger", "ReplicatedLedger", "WireProtocol"]),
    ]
)
