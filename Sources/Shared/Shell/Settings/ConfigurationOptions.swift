package import ArgumentParser
private import Foundation
private import Glibc
import Platform
import Storage

/// The flags that all commands share.
package struct ConfigurationOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The configuration file (default: ./config.yaml, if it exists).",
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

    @Flag(help: "Print every key with its value and its source, and exit: 0, or 78 with every fault.")
    package var check = false

    package init() {}

    /// Reads file, environment and flags.
    ///
    /// - Parameter flags: the values of a command's own flags, by key; each is named after the last part of its key.
    /// - Throws: ``ConfigurationError`` for an unreadable file and for every invalid key or value; with `--check`, exit
    ///   code 0 once the table is printed.
    package func load(flags: [String: String?] = [:]) throws -> ServiceConfiguration {
        var merged = flags.compactMapValues { $0 }
        if let data { merged["data"] = data }
        if let draw { merged["draw.id"] = draw }
        var names: [String: String] = [:]
        for key in merged.keys { names[key] = "--\(key.split(separator: ".").last ?? "")" }
        if draw != nil { names["draw.id"] = "--draw" }
        for override in overrides {
            guard let equals = override.firstIndex(of: "=") else {
                throw ConfigurationError([
                    "--set \(override): key=value is expected, for example ingest.workers=2"
                ])
            }
            let key = String(override[..<equals])
            merged[key] = String(override[override.index(after: equals)...])
            names[key] = nil
        }
        let environment = ProcessInfo.processInfo.environment
        let configuration = try ServiceConfiguration(
            flags: merged, flagNames: names, environment: environment, file: try file(environment))
        guard check else { return configuration }
        for warning in configuration.warnings { writeError("Warning: \(warning)") }
        try writeOutput(configuration.table)
        throw ExitCode(0)
    }

    private func file(
        _ environment: [String: String]
    ) throws(ConfigurationError) -> ConfigurationFile? {
        let named = config ?? environment["QUINIELA_CONFIG"]
        let path = named ?? "config.yaml"
        do {
            // Read to the end of input: a pipe reports a size of 0.
            let fd = open(path, O_RDONLY | O_CLOEXEC)
            if fd < 0, errno == ENOENT, named == nil { return nil }
            guard fd >= 0 else { throw DiskError(call: "open", path: path, errno: errno) }
            defer { close(fd) }
            guard let bytes = SystemCall.readAll(from: fd) else {
                throw DiskError(call: "read", path: path, errno: errno)
            }
            // Empty input, for example from a failed command in a pipe, must not mean that every key has its default.
            if bytes.isEmpty, named != nil, path != "/dev/null" { throw EmptyFile(path: path) }
            return ConfigurationFile(path: path, text: String(decoding: bytes, as: UTF8.self))
        } catch {
            throw ConfigurationError([
                "\(error); name a file that can be read with --config or QUINIELA_CONFIG"
            ])
        }
    }
}

private struct EmptyFile: Error, CustomStringConvertible {
    var path: String
    var description: String { "\(path): the file is empty" }
}

extension ServiceConfiguration {
    /// The effective values.
    package var table: String {
        var table = TextTable(["key", "value", "from"])
        for ((key, value), origin) in zip(values, origins) { table.append([key, value.escaped(.text), origin]) }
        return table.text
    }
}
