package import ArgumentParser
private import Foundation

/// The flags that all commands share.
package struct ConfigurationOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The configuration file (default: config.yaml here, where there is one).",
            valueName: "file"))
    package var config: String?

    @Option(
        name: .customLong("set"),
        help: ArgumentHelp(
            "Overrides one key of the configuration, for example --set ingest.workers=2. Repeatable.",
            valueName: "key=value"))
    package var overrides: [String] = []

    @Option(help: ArgumentHelp("The data folder: short for --set data=…", valueName: "folder"))
    package var data: String?

    @Option(help: ArgumentHelp("The draw: short for --set draw.id=…", valueName: "name"))
    package var draw: String?

    package init() {}

    /// Reads file, environment and flags.
    ///
    /// - Parameter flags: what a command's own flags set.
    /// - Throws: ``ConfigurationError`` for a file that cannot be read and for every bad key or value.
    package func load(
        flags: [String: String?] = [:]
    ) throws(ConfigurationError) -> ServiceConfiguration {
        var merged = flags.compactMapValues { $0 }
        merged["data"] = data
        merged["draw.id"] = draw
        for override in overrides {
            let parts = override.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2 else {
                throw ConfigurationError([
                    "--set \(override): key=value is expected, for example ingest.workers=2"
                ])
            }
            merged[parts[0]] = parts[1]
        }
        let environment = ProcessInfo.processInfo.environment
        return try ServiceConfiguration(
            flags: merged, environment: environment, file: try file(environment))
    }

    private func file(
        _ environment: [String: String]
    ) throws(ConfigurationError) -> ConfigurationFile? {
        let named = config ?? environment["QUINIELA_CONFIG"]
        let path = named ?? "config.yaml"
        do throws(DiskError) {
            guard let bytes = try DurableFile.read(path, on: PosixDisk()) else {
                if named == nil { return nil }
                throw DiskError(call: "open", path: path, errno: 2)
            }
            return ConfigurationFile(path: path, text: String(decoding: bytes, as: UTF8.self))
        } catch {
            throw ConfigurationError([
                "\(error); name a file that can be read with --config or QUINIELA_CONFIG"
            ])
        }
    }
}
