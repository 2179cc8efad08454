import Control
import Domain
import Foundation
import Identity
import Ledger
import Platform
import Shell
import Storage
import TLS

/// The draws of a data folder, from the running service or, if none runs, from the files.
struct DrawReport {
    private let configuration: ServiceConfiguration
    private let disk = PosixDisk()

    init(_ configuration: ServiceConfiguration) {
        self.configuration = configuration
    }

    private var data: DataFolder { configuration.folder.data }

    /// Asks the running service.
    ///
    /// - Returns: nil if none runs, or if it does not know.
    /// - Throws: ``ControlFailure``.
    private func ask<Value: Decodable>(_ request: ControlRequest, for type: Value.Type) throws -> Value? {
        do throws(ControlFailure) {
            switch try ControlClient.ask(request, at: data.ingestSocket, seconds: 10) {
            case .ok(let bytes): return try? JSONDecoder().decode(Value?.self, from: Data(bytes))
            case .failed(let text): throw ControlFailure(path: data.ingestSocket, reason: text)
            }
        } catch  where error.isAbsent {
            return nil
        }
    }

    /// The status of the draw of the configuration, or, with a calendar and without `--draw`, of the next to close.
    ///
    /// - Throws: ``LedgerError`` and what reading the files throws.
    func status() throws -> DrawStatus {
        let named = configuration.calendar == nil || configuration.isDrawChosen ? configuration.draw : nil
        if let status = try ask(.status(named), for: DrawStatus.self) { return status }
        return try read(DrawFolder(data: data.path, draw: try named ?? nextDraw()))
    }

    /// The draw of the folder that closes next; if all are over, the last one by name.
    ///
    /// - Throws: ``NoDraw`` for a folder without draws.
    private func nextDraw() throws -> DrawID {
        let names = disk.stamp(data.draws) == nil ? [] : try disk.names(in: data.draws)
        let draws = names.compactMap(DrawID.init)
        let open = try draws.filter { draw in
            let folder = DrawFolder(data: data.path, draw: draw)
            return disk.stamp(folder.terms) != nil && !DrawState.isFinal(folder, on: disk)
        }.map { try read(DrawFolder(data: data.path, draw: $0)).summary }
        let next = open.min { ($0.cutOff?.milliseconds ?? .max) < ($1.cutOff?.milliseconds ?? .max) }
        guard let draw = next?.draw ?? draws.last else { throw NoDraw(path: data.draws) }
        return draw
    }

    /// Reads a draw's files.
    func read(_ folder: DrawFolder) throws -> DrawStatus {
        guard try DurableFile.exists(folder.ledger, on: disk) else {
            let agencies = DrawAgencies(configuration.agencies)
            let nothing = DrawSummary(
                folder.draw, state: .planned, terms: nil, cutOff: nil, agencies: agencies, standings: DrawStandings(),
                late: LateList())
            return DrawStatus(
                nothing, of: agencies, DrawStandings(), late: LateList(), source: .folder,
                now: Instant(milliseconds: SystemCall.unixMilliseconds()))
        }
        return try status(of: folder, try LedgerContents(reading: folder.ledger, on: disk).standings)
    }

    /// Makes the status of a draw whose ledger was read.
    func status(of folder: DrawFolder, _ standings: DrawStandings) throws -> DrawStatus {
        let terms = try DrawTerms(in: folder, on: disk)
        let late = LateList.read(try DurableFile.read(folder.late, on: disk) ?? []).list
        let agencies = terms?.drawAgencies ?? standings.agencies(configured: DrawAgencies(configuration.agencies))
        var summary = DrawSummary(
            folder.draw, state: DrawState(folder, isSealed: standings.seal != nil, on: disk), terms: terms,
            cutOff: try CutOffMove(in: folder, on: disk)?.cutOff ?? terms?.cutOff,
            agencies: agencies, standings: standings, late: late)
        try summary.addDocuments(of: folder, on: disk)
        return DrawStatus(
            summary, of: agencies, standings, late: late, source: .folder,
            now: Instant(milliseconds: SystemCall.unixMilliseconds()))
    }

    /// The draws of the folder, those that close last at the end.
    ///
    /// - Parameter finals: how many draws are listed that the running service has closed, the newest by name.
    /// - Returns: the source, and the draws.
    func all(finals: Int) throws -> (source: DrawStatus.Source, draws: [DrawSummary]) {
        let live = try ask(.draws, for: [DrawSummary].self)
        let known = Set((live ?? []).map(\.draw))
        // Operators other than the service's user may not read the folder.
        let isReadable = disk.stamp(data.draws) != nil
        let names =
            live != nil ? (try? disk.names(in: data.draws)) ?? [] : isReadable ? try disk.names(in: data.draws) : []
        let others = names.compactMap(DrawID.init).filter { !known.contains($0) }.suffix(finals)
        let read = try others.map { try summary(DrawFolder(data: data.path, draw: $0)) }
        let draws = (read + (live ?? [])).sorted {
            ($0.cutOff?.milliseconds ?? .max, $0.draw.name) < ($1.cutOff?.milliseconds ?? .max, $1.draw.name)
        }
        return (live == nil ? .folder : .service, draws)
    }
}

extension DrawReport {
    /// Reads a draw's summary; the ledger of a published draw is not read.
    private func summary(_ folder: DrawFolder) throws -> DrawSummary {
        guard let bytes = try DurableFile.read(folder.result, on: disk) else { return try read(folder).summary }
        let late = LateList.read(try DurableFile.read(folder.late, on: disk) ?? []).list
        let terms = try DrawTerms(in: folder, on: disk)
        let cutOff = try CutOffMove(in: folder, on: disk)?.cutOff ?? terms?.cutOff
        return DrawSummary(try DrawResult(fileBytes: bytes), terms: terms, cutOff: cutOff, late: late)
    }
}

extension DrawStatus {
    /// The status as text: a line, and a table of agencies.
    func text(folder: DrawFolder) -> String {
        if summary.state == .planned {
            return "draw \(summary.draw): nothing yet (no \(folder.ledger)), or --data and --draw name another folder"
        }
        let from = source == .service ? "running service" : "data folder; no service runs"
        var line =
            "draw \(summary.draw): \(summary.state.rawValue), \(summary.finishedAgencies) of \(summary.expectedAgencies) "
            + "agencies finished, \(summary.bets) bets"
        if summary.lateChunks > 0 { line += ", \(summary.lateBets) late" }
        if let cutOff = summary.cutOff, summary.state == .open {
            let left = Int(cutOff.milliseconds) - Int(now.milliseconds)
            line += left > 0 ? ", closes at \(cutOff), in \(Self.text(seconds: left / 1000))" : ", closing"
        }
        if summary.state == .sealed { line += ": its number is awaited (bet-ingest draw number \(summary.draw))" }
        if let reason = summary.voidReason { line += ": \(reason)" }
        if clockSteps > 0 { line += "; the server's clock was set \(clockSteps) times" }
        let lines =
            ["\(line) (\(from))"] + (roster?.lines ?? []) + (tls?.lines ?? []) + (cluster?.lines ?? []) + [table]
        return lines.joined(separator: "\n")
    }

    /// For example `95 s`, `12 min` or `15 h 36 min`.
    private static func text(seconds: Int) -> String {
        let minutes = seconds / 60
        return minutes < 2 ? "\(seconds) s" : minutes < 120 ? "\(minutes) min" : "\(minutes / 60) h \(minutes % 60) min"
    }

    private static let maxListed = 200

    /// A table of the agencies: with more than 200, only those that have sent something.
    ///
    /// An agency above the expected ones that has sent something is listed too.
    var table: String {
        let hasLate = agencies.contains { $0.lateBets > 0 }
        var table = TextTable(["agency", "chunks", "bets", "rejected"] + (hasLate ? ["late"] : []) + ["state"])
        let sent = Dictionary(agencies.map { ($0.agency, $0) }) { first, _ in first }
        let isOver = summary.state != .open
        let isListed = summary.expectedAgencies <= Self.maxListed
        for agency in Set(sent.keys).union(isListed ? silent ?? [] : []).sorted() {
            let row = sent[agency]
            let nothing = isOver ? "absent" : "nothing yet"
            let state =
                row?.finished == true ? "finished" : row?.chunks ?? 0 == 0 ? nothing : isOver ? "unfinished" : "sending"
            table.append(
                ["\(agency)", "\(row?.chunks ?? 0)", "\(row?.bets ?? 0)", "\(row?.rejectedBets ?? 0)"]
                    + (hasLate ? ["\(row?.lateBets ?? 0)"] : []) + [state])
        }
        let unlisted = !isListed ? Int(summary.expectedAgencies) - agencies.count : 0
        return table.text + (unlisted > 0 ? "\n\(unlisted) agencies have sent nothing yet" : "")
    }
}

/// An error: the data folder has no draws.
struct NoDraw: ProgramError, CustomStringConvertible {
    var path: String
    var exit: ProgramExit { .data }
    var description: String { "\(path): there are no draws, and no service runs; --data may name another folder" }
}
