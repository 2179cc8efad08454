import Domain
import Foundation
private import Glibc
import Ledger
import Storage

/// `events.log`, open for appending.
///
/// An event is written after what it reports is durable, and before anything that follows from it. So at most the last
/// event is missing after a crash, and the next start writes it.
///
/// Isolation: the main thread; blocks.
final class DrawEvents {
    private let path: String
    private let disk: any Disk
    private var file: (any DiskFile)?
    private var byteCount: Int
    private var previous: String
    /// The events of draws that are not final.
    private var known: [DrawID: Set<DrawEvent.Kind>] = [:]
    /// The last moves of cut-offs.
    private var moves: [DrawID: Instant] = [:]
    /// The draws that were published.
    private var published: Set<DrawID> = []
    /// The time of the last line.
    private(set) var lastTime: Instant?

    /// Reads the log, and makes it durable; a line without an end was torn by a crash.
    ///
    /// Blocks.
    ///
    /// - Throws: ``DiskError``; ``DrawDocumentError`` for a line of a newer version.
    init(_ data: DataFolder, on disk: any Disk) throws {
        path = data.events
        self.disk = disk
        let bytes = try DurableFile.readDurable(data.events, on: disk) ?? []
        let end = bytes.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        byteCount = end
        previous = DrawEvent.noPrevious
        var lastLine: ArraySlice<UInt8>?
        var lineStart = 0
        while lineStart < end, let lineEnd = bytes[lineStart..<end].firstIndex(of: UInt8(ascii: "\n")) {
            let line = bytes[lineStart..<lineEnd]
            if lineEnd + 1 == end {
                // The sectors of the last line may have been written in any order before a crash.
                guard let last = DrawEvent(line: line) else {
                    if (try? JSONSerialization.jsonObject(with: Data(line))) != nil {
                        throw DrawDocumentError(path: path, reason: "the last line was written by a newer version")
                    }
                    byteCount = lineStart
                    break
                }
                lastTime = last.time
            }
            lastLine = line
            lineStart = lineEnd + 1
            // Decoding every line would take a second for ten years of draws.
            guard let kind = line.value(of: Self.eventKey).flatMap(DrawEvent.Kind.init), kind.isRemembered,
                let draw = line.value(of: Self.drawKey).flatMap(DrawID.init)
            else { continue }
            let cutOff = kind == .cutOffMoved ? line.value(of: Self.cutOffKey).flatMap { Instant($0) } : nil
            remember(kind, of: draw, cutOff: cutOff)
        }
        guard let lastLine else { return }
        previous = DrawEvent.hash(line: lastLine)
        lastTime = lastTime ?? DrawEvent(line: lastLine)?.time
    }

    private static let eventKey = Array(#""event":""#.utf8)
    private static let drawKey = Array(#""draw":""#.utf8)
    private static let cutOffKey = Array(#""cutOff":""#.utf8)

    /// Whether the log has an event of a draw that is not final.
    func has(_ kind: DrawEvent.Kind, of draw: DrawID) -> Bool { known[draw]?.contains(kind) == true }

    /// Whether a draw was published or void, also if its folder has been removed since.
    func isOver(_ draw: DrawID) -> Bool { published.contains(draw) || has(.void, of: draw) }

    /// The cut-off of the last move of a draw that is not final.
    func cutOff(of draw: DrawID) -> Instant? { moves[draw] }

    /// The draws whose last event says that they were drawn, not that they were published.
    var unpublished: [DrawID] { known.filter { $0.value.contains(.drawn) }.keys.sorted { $0.name < $1.name } }

    /// Appends an event and makes it durable: one write, one fdatasync.
    ///
    /// - Throws: ``DiskError``.
    func append(_ event: DrawEvent) throws(DiskError) {
        var event = event
        event.previous = previous
        let line = event.line
        let isNew = file == nil && byteCount == 0
        let open = if let file { file } else { try disk.open(path, isNew ? .replace : .readWrite) }
        if file == nil, !isNew { try open.truncate(to: byteCount) }
        try open.writeAll(line + [UInt8(ascii: "\n")], at: byteCount)
        try open.sync()
        if isNew { try disk.syncFolder(parentFolder(of: path)) }
        file = open
        byteCount += line.count + 1
        previous = DrawEvent.hash(line: line)
        if let draw = event.draw, event.event.isRemembered {
            remember(event.event, of: draw, cutOff: event.cutOff)
        }
    }

    private func remember(_ kind: DrawEvent.Kind, of draw: DrawID, cutOff: Instant?) {
        if kind == .published {
            known[draw] = nil
            moves[draw] = nil
            published.insert(draw)
            return
        }
        known[draw, default: []].insert(kind)
        if kind == .cutOffMoved { moves[draw] = cutOff }
    }
}

extension DrawEvent.Kind {
    /// Whether a restart asks for the event of a draw.
    fileprivate var isRemembered: Bool {
        switch self {
        case .opened, .missed, .cutOffMoved, .late, .sealed, .numberKnown, .drawn, .published, .void: true
        case .serviceStarted, .serviceStopped, .closeOrdered, .numberEntered, .numbersDiffer, .clockStepped,
            .damageFound, .rosterChanged, .denied:
            false
        }
    }
}

extension ArraySlice<UInt8> {
    /// Returns the text after a key of a JSON object, as ``DrawEvent/line`` writes it; nil without the key.
    ///
    /// Inside a text quotes are escaped, so the key with its quotes matches keys only.
    ///
    /// - Parameter key: for example `"draw":"`.
    fileprivate func value(of key: [UInt8]) -> String? {
        withUnsafeBytes { line in
            guard let start = line.baseAddress else { return nil }
            let end = start + line.count
            var at = start
            // Ten years of draws are 15 MB, and memchr is faster than a loop over them.
            while let quote = memchr(at, 0x22, end - at), end - UnsafeRawPointer(quote) > key.count {
                let found = UnsafeRawPointer(quote)
                at = found + 1
                guard memcmp(found, key, key.count) == 0 else { continue }
                let text = found + key.count
                guard let close = memchr(text, 0x22, end - text) else { return nil }
                return String(
                    decoding: UnsafeRawBufferPointer(start: text, count: UnsafeRawPointer(close) - text), as: UTF8.self)
            }
            return nil
        }
    }
}
