import ArgumentParser
import Domain
import Ledger
import Shell
import Storage

struct SettleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "settle", abstract: "Print each agency's totals of a sealed draw as CSV.",
        discussion: """
            Reads the data folder: agency, state, chunks, bets, rejected bets, late bets, winning bets, and a row of \
            totals that are compared with the ledger and the result. Takes no lock.

            EXIT CODES
              0 the totals agree · 65 they do not, or the draw is not sealed
            """)

    @OptionGroup var draw: DrawArgument

    func run() throws {
        try ProgramExit.run {
            let folder = DrawFolder(data: try draw.options.load().data, draw: draw.id)
            let disk = PosixDisk()
            try NoLedger.check(folder, disk)
            let settlement = try Settlement(folder, on: disk)
            let json = try JSONOutput.bytes(settlement)
            try writeOutput(draw.output == .json ? String(decoding: json, as: UTF8.self) : settlement.csv)
        }
    }
}

/// The totals of each agency of a sealed draw.
struct Settlement: Encodable {
    struct Row: Encodable {
        var agency: AgencyID
        var state: String
        var chunks: UInt64
        var bets: UInt64
        var rejectedBets: UInt64
        var lateBets: UInt64
        /// Nil before the publication.
        var winningBets: UInt64?
    }

    private(set) var rows: [Row] = []
    private let draw: DrawID

    /// Reads a draw and compares the sums of its agencies with the seal and the result.
    ///
    /// - Throws: ``LedgerError``, ``DrawResultError``, ``DiskError``; ``SettlementFault``.
    init(_ folder: DrawFolder, on disk: any Disk) throws {
        draw = folder.draw
        let contents = try LedgerContents(reading: folder.ledger, on: disk)
        guard let seal = contents.standings.seal else {
            throw SettlementFault(description: "\(folder.ledger): the draw is not sealed; its totals still change")
        }
        let published = disk.stamp(folder.result) == nil ? nil : try PublishedDraw(folder, contents: contents, on: disk)
        let late = LateList.read(try DurableFile.read(folder.late, on: disk) ?? []).list
        let excluded = Set(seal.excluded)
        for index in 0..<seal.agencies {
            let agency = AgencyID(index + 1)
            if excluded.contains(agency) { continue }
            let standing = contents.standings.standings[agency]
            rows.append(
                Row(
                    agency: agency,
                    state: standing.map { $0.isFinished ? "finished" : "unfinished" } ?? "absent",
                    chunks: UInt64(standing?.nextSequence ?? 1) - 1, bets: standing?.storedBets ?? 0,
                    rejectedBets: standing?.rejectedBets ?? 0, lateBets: UInt64(late.counts[agency]?.bets ?? 0),
                    winningBets: try published?.winners.entry(agency).winners))
        }
        try compare("bets", rows.reduce(0) { $0 + $1.bets }, seal.bets, "the seal")
        try compare("chunks", rows.reduce(0) { $0 + $1.chunks }, UInt64(contents.chunkCount), "the ledger")
        if let result = published?.result {
            try compare("winning bets", rows.reduce(0) { $0 + ($1.winningBets ?? 0) }, result.winningBets, "the result")
        }
    }

    private func compare(_ what: String, _ sum: UInt64, _ total: UInt64, _ source: String) throws(SettlementFault) {
        guard sum != total else { return }
        throw SettlementFault(
            description: "draw \(draw): the agencies have \(sum) \(what), but \(source) says \(total); "
                + "run bet-ingest verify")
    }

    /// The rows, and their sums, as CSV.
    var csv: String {
        func line(_ name: String, _ state: String, _ rows: [Row]) -> String {
            let winners = rows.allSatisfy { $0.winningBets != nil } ? "\(sum(rows) { $0.winningBets ?? 0 })" : ""
            let sums = [sum(rows, \.chunks), sum(rows, \.bets), sum(rows, \.rejectedBets), sum(rows, \.lateBets)]
            return ([name, state] + sums.map(String.init) + [winners]).joined(separator: ",")
        }
        let header = "agency,state,chunks,bets,rejected,late,winners"
        let finished = rows.count { $0.state == "finished" }
        return
            ([header] + rows.map { line("\($0.agency)", $0.state, [$0]) }
            + [line("total", "\(finished) finished", rows)]).joined(separator: "\n")
    }

    private func sum(_ rows: [Row], _ value: (Row) -> UInt64) -> UInt64 { rows.reduce(0) { $0 + value($1) } }
}

/// The reason that a draw cannot be settled.
struct SettlementFault: ProgramError, CustomStringConvertible {
    var description: String
    var exit: ProgramExit { .data }
}
