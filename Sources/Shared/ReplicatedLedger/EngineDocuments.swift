package import Domain
package import Ledger
private import Platform

/// The names of the documents with a draw's result.
package enum PublishedDocuments {
    /// As result.json.
    package static let result = "result"
    /// The size of all parts of winners.list except the last.
    package static let partBytes = 512 << 10

    /// A part of winners.list, from 0.
    package static func part(_ index: Int) -> String { "winners.\(index)" }

    /// The number of parts of a result's winners.
    package static func partCount(of result: DrawResult) -> Int {
        ((result.winnersFile?.bytes ?? 0) + partBytes - 1) / partBytes
    }
}

/// The documents of draws on the engine: small files that one node writes and every node reads, by key.
///
/// Blocks until the engine says what has become of a document; while the cluster has no leader, that takes as long as
/// it lasts.
///
/// Isolation: any thread except those of the engine.
package struct EngineDocuments: Sendable {
    /// The service stops, so it does not wait for the engine.
    package struct Stopped: Error {}

    private let engine: any LedgerEngine
    private let isStopping: @Sendable () -> Bool

    package init(_ engine: any LedgerEngine, isStopping: @escaping @Sendable () -> Bool) {
        self.engine = engine
        self.isStopping = isStopping
    }

    /// The key of a draw's document.
    package static func key(_ name: String, of draw: DrawID) -> String { "\(draw).\(name)" }

    /// The name of a document in messages.
    package static func origin(_ name: String, of draw: DrawID) -> String {
        "document \(key(name, of: draw)) of the cluster"
    }

    /// The draw and the name of a subject's document; nil for another subject.
    package static func document(ofSubject subject: String) -> (draw: DrawID, name: String)? {
        let prefix = EngineStream.subject(ofDocument: "")
        guard subject.hasPrefix(prefix) else { return nil }
        let key = subject.dropFirst(prefix.count)
        guard let dot = key.firstIndex(of: "."), let draw = DrawID(String(key[..<dot])) else { return nil }
        return (draw, String(key[key.index(after: dot)...]))
    }

    /// Stores a document that has no version yet; the first one wins.
    ///
    /// - Returns: the bytes that are stored: ours, or those of the node that was first.
    /// - Throws: ``Stopped``.
    package func create(_ key: String, _ bytes: [UInt8]) throws -> [UInt8] {
        while true {
            if try replace(key, bytes, after: 0) { return bytes }
            if let stored = try read(key) { return stored.bytes }
        }
    }

    /// Replaces a version of a document.
    ///
    /// - Parameter sequence: of the version; 0 for none.
    /// - Returns: false if there is another version by now.
    /// - Throws: ``Stopped``.
    package func replace(_ key: String, _ bytes: [UInt8], after sequence: UInt64) throws -> Bool {
        let subject = EngineStream.subject(ofDocument: key)
        while true {
            let outcome = try wait { engine.publish(bytes, to: subject, after: sequence, then: $0) }
            switch outcome {
            case .stored:
                engine.tell(.document)
                return true
            case .conflict:
                // It may be ours: an earlier try whose outcome got lost.
                return try read(key)?.bytes == bytes
            case .unknown: try pause()
            }
        }
    }

    /// Reads the current version, or one that was current a moment ago.
    ///
    /// - Returns: nil if it does not exist.
    /// - Throws: ``Stopped``.
    package func read(_ key: String) throws -> StoredMessage? {
        while true {
            let position = ReadPosition.last(subject: EngineStream.subject(ofDocument: key))
            switch try wait({ engine.read(position, in: .documents, then: $0) }) {
            case .message(let message): return message
            case .none: return nil
            case .unknown: try pause()
            }
        }
    }

    /// Reads the next document after a sequence, of any draw.
    ///
    /// - Returns: nil at the end, or if the engine does not answer now.
    /// - Throws: ``Stopped``.
    package func next(after sequence: UInt64) throws -> StoredMessage? {
        let position = ReadPosition.next(subject: EngineStream.documents.subjects, from: sequence + 1)
        guard case .message(let message) = try wait({ engine.read(position, in: .documents, then: $0) }) else {
            return nil
        }
        return message
    }

    /// Makes a stream, and tries again while the cluster has no leader.
    ///
    /// - Throws: ``EngineRejection``; ``Stopped``.
    package func make(_ stream: EngineStream) throws {
        while true {
            do {
                return try engine.make(stream)
            } catch is EngineUnavailable {
                try pause()
            }
        }
    }

    /// Calls a function of the engine and waits for its outcome.
    ///
    /// - Throws: ``Stopped``.
    package func wait<Outcome: Sendable>(_ call: (@escaping @Sendable (Outcome) -> Void) -> Void) throws -> Outcome {
        let answer = Monitor<Outcome?>(nil)
        call { outcome in
            answer.withLock { $0 = outcome }
            answer.wakeAll()
        }
        while true {
            if let outcome = answer.wait(until: .now + .milliseconds(100), for: { $0 }) { return outcome }
            if isStopping() { throw Stopped() }
        }
    }

    /// Waits before the next try.
    ///
    /// - Throws: ``Stopped``.
    private func pause() throws {
        if isStopping() { throw Stopped() }
        _ = Monitor(false).wait(until: .now + .milliseconds(200)) { $0 ? true : nil }
    }
}
