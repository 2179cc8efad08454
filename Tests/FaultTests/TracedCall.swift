import Foundation

/// A system call of bet-ingest on its data folder, as the shim counts it: the third `pwrite` of a file, for example.
struct TracedCall: Hashable, CustomStringConvertible {
    let name: String
    /// The path relative to the folder above the data folder; `.` for that folder itself.
    let path: String
    /// The number of the call, from 1, among the calls of this name on this path.
    let ordinal: Int

    init(name: String, path: String, ordinal: Int) {
        self.name = name
        self.path = path
        self.ordinal = ordinal
    }

    /// Parses a line of the trace.
    init?(_ line: Substring) {
        let words = line.split(separator: " ")
        guard words.count == 3, let ordinal = Int(words[2]) else { return nil }
        self.init(name: String(words[0]), path: String(words[1]), ordinal: ordinal)
    }

    var description: String { "\(name) \(path) \(ordinal)" }

    var isLock: Bool { path == "data/ingest.lock" }
    /// The folder of the control socket, without which the service runs on.
    var isControl: Bool { path == "data/control" }
    var isProgress: Bool { path.contains("/progress.json") }
    var isDrawFolder: Bool { path.hasSuffix("/draws/default") }
    var isLedger: Bool { path.hasSuffix("/bets.ledger") }

    /// Whether it may create a file, a folder or bytes.
    var needsRoom: Bool {
        switch name {
        case "pwrite", "fallocate", "mkdir": true
        case "open": isLock || path.hasSuffix(".new")
        default: false
        }
    }

    /// Whether failing before and after its effect makes a difference.
    var hasEffect: Bool {
        needsRoom || ["fdatasync", "fsync", "rename", "ftruncate"].contains(name)
    }

    var isSync: Bool { name == "fdatasync" || name == "fsync" }
    var isTransfer: Bool { name == "pread" || name == "pwrite" }
}
