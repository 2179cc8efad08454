// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that Benchmarks' C programs build in seconds. The same range as Quiniela's Package.swift, and
// `cp Package.resolved Benchmarks/Echo/` before the build, so that both are measured on the same swift-nio.
let package = Package(
    name: "quiniela-echo",
    dependencies: [.package(url: "https://github.com/apple/swift-nio", from: "2.101.2")],
    targets: [
        .executableTarget(
            name: "quiniela-echo",
            dependencies: [
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ])
    ]
)
