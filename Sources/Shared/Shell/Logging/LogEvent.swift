package import Domain
package import Logging

/// One line of the log.
///
/// The functions below are all lines of the programs: the course's actions and our own.
///
/// Source: docs/operations.md, "Log lines"; tests check the text of each.
package struct LogEvent: Sendable {
    /// Text, or a number that JSON writes without quotes.
    package enum Value: Sendable, Equatable {
        case text(String)
        case number(Int)
        /// A number of the draw: four digits in text, a plain number in JSON.
        case drawnNumber(UInt16)
    }

    package let level: Logger.Level
    package let action: String
    package let result: String
    package let fields: [(String, Value)]
    /// Whether a peer can cause the line as often as it likes, so that ``LineLimit`` applies.
    package let isRepeatable: Bool

    init(
        _ action: String, _ result: String = "success", _ fields: [(String, Value)] = [],
        level: Logger.Level = .info, isRepeatable: Bool = false
    ) {
        self.level = level
        self.action = action
        self.result = result
        self.fields = fields
        self.isRepeatable = isRepeatable
    }
}

// MARK: - The course's lines

extension LogEvent {
    package static func config(_ values: [(String, String)]) -> LogEvent {
        LogEvent("config", "success", values.map { ($0.0, .text($0.1)) }, level: .debug)
    }

    package static func acceptConnections(port: String, address: String) -> LogEvent {
        LogEvent(
            "accept_connections", "in_progress",
            [("port", .text(port)), ("address", .text(address))])
    }

    /// A chunk is durable.
    package static func betsSent(count: Int, sequence: UInt32) -> LogEvent {
        LogEvent(
            "apuesta_enviada", "success",
            [("cantidad", .number(count)), ("sequence", .number(Int(sequence)))])
    }

    /// A single bet is durable.
    package static func betSent(document: String, number: UInt16) -> LogEvent {
        LogEvent("apuesta_enviada", "success", bet(document, number))
    }

    /// The deadline passed without an answer.
    package static func betsUnknown(sequence: UInt32) -> LogEvent {
        LogEvent(
            "apuesta_enviada", "fail",
            [
                ("sequence", .number(Int(sequence))),
                ("error", .text("unknown: sequence \(sequence) was sent and not acknowledged")),
            ], level: .error)
    }

    /// The service rejected a chunk.
    package static func betsRejectedByService(count: Int, sequence: UInt32, reason: String) -> LogEvent {
        LogEvent(
            "apuesta_enviada", "fail",
            [
                ("cantidad", .number(count)), ("sequence", .number(Int(sequence))),
                ("error", .text(reason)),
            ], level: .warning)
    }

    package static func betStored(document: String, number: UInt16) -> LogEvent {
        LogEvent("apuesta_almacenada", "success", bet(document, number))
    }

    package static func betsReceived(
        count: Int, agency: AgencyID, sequence: UInt32
    ) -> LogEvent {
        LogEvent("apuesta_recibida", "success", chunk(count, agency, sequence))
    }

    package static func betsRejected(
        count: Int, agency: AgencyID, sequence: UInt32, reason: String
    ) -> LogEvent {
        LogEvent(
            "apuesta_recibida", "fail", chunk(count, agency, sequence) + [("error", .text(reason))],
            level: .warning)
    }

    /// A dialect's chunk was rejected; none of it is in the ledger.
    package static func dialectChunkRejected(count: Int, agency: AgencyID?, peer: String, reason: String) -> LogEvent {
        let named = agency.map { [("agency", Value.number(Int($0.rawValue)))] } ?? []
        return LogEvent(
            "apuesta_recibida", "fail",
            [("cantidad", .number(count))] + named + [("peer", .text(peer)), ("error", .text(reason))],
            level: .warning, isRepeatable: true)
    }

    package static func drawn(number: UInt16, bets: UInt64, winners: Int) -> LogEvent {
        LogEvent(
            "sorteo", "success",
            [
                ("numero", .drawnNumber(number)), ("apuestas", .number(Int(clamping: bets))),
                ("cant_ganadores", .number(winners)),
            ])
    }

    package static func winnersConsulted(count: Int, agency: AgencyID) -> LogEvent {
        LogEvent(
            "consulta_ganadores", "success",
            [("cant_ganadores", .number(count)), ("agency", .number(Int(agency.rawValue)))])
    }

    package static func messageFailed(peer: String, reason: String) -> LogEvent {
        LogEvent(
            "receive_message", "fail", [("peer", .text(peer)), ("error", .text(reason))],
            level: .warning, isRepeatable: true)
    }

    package static let loopFinished = LogEvent("loop_finished")

    package static func exit(code: Int32) -> LogEvent {
        LogEvent("exit", code == 0 ? "success" : "fail", [("code", .number(Int(code)))])
    }

    private static func bet(_ document: String, _ number: UInt16) -> [(String, Value)] {
        [("dni", .text(document)), ("numero", .number(Int(number)))]
    }

    private static func chunk(
        _ count: Int, _ agency: AgencyID, _ sequence: UInt32
    ) -> [(String, Value)] {
        [
            ("cantidad", .number(count)), ("agency", .number(Int(agency.rawValue))),
            ("sequence", .number(Int(sequence))),
        ]
    }
}

// MARK: - Our lines

extension LogEvent {
    package static func agencyJoined(
        _ agency: AgencyID, peer: String, nextSequence: UInt32
    ) -> LogEvent {
        LogEvent(
            "agency_joined", "success",
            [
                ("agency", .number(Int(agency.rawValue))), ("peer", .text(peer)),
                ("next_sequence", .number(Int(nextSequence))),
            ], level: .debug)
    }

    package static func agencySuperseded(_ agency: AgencyID, peer: String) -> LogEvent {
        LogEvent(
            "agency_superseded", "success",
            [("agency", .number(Int(agency.rawValue))), ("peer", .text(peer))], level: .warning, isRepeatable: true)
    }

    /// An agency of a dialect connected again after chunks of it were stored.
    ///
    /// If it resends a chunk whose answer was lost, that chunk is stored twice.
    package static func agencyReconnected(
        _ agency: AgencyID, peer: String, storedBets: UInt64, level: Logger.Level
    ) -> LogEvent {
        LogEvent(
            "agency_reconnected", "success",
            [
                ("agency", .number(Int(agency.rawValue))), ("peer", .text(peer)),
                ("stored_bets", .number(Int(clamping: storedBets))),
            ], level: level, isRepeatable: true)
    }

    package static func agencyFinished(
        _ agency: AgencyID, remaining: Int, expected: Int
    ) -> LogEvent {
        LogEvent(
            "agency_finished", "success",
            [
                ("agency", .number(Int(agency.rawValue))), ("remaining", .number(remaining)),
                ("expected", .number(expected)),
            ])
    }

    /// `isDirect` is nil for a sealed ledger, which is not written.
    package static func ledgerOpened(path: String, bets: UInt64, isDirect: Bool?) -> LogEvent {
        LogEvent(
            "open_ledger", "success",
            [
                ("path", .text(path)), ("bets", .number(Int(clamping: bets))),
                ("writes", .text(isDirect.map { $0 ? "direct" : "buffered" } ?? "none")),
            ])
    }

    /// Recovery cut off a torn group, none of which was acknowledged.
    package static func tornGroupCut(offset: Int, bytes: Int) -> LogEvent {
        LogEvent(
            "cut_torn_group", "success",
            [("byte", .number(offset)), ("bytes", .number(bytes))], level: .warning)
    }

    package static func drawOpened(_ draw: DrawID, cutOff: Instant?) -> LogEvent {
        LogEvent(
            "open_draw", "success",
            [("draw", .text(draw.name))] + (cutOff.map { [("cut_off", .text("\($0)"))] } ?? []))
    }

    /// The draw that an agency sends to, and its cut-off by the server's clock.
    package static func drawCloses(_ draw: String, cutOff: Instant, leftSeconds: Int) -> LogEvent {
        LogEvent(
            "draw", "in_progress",
            [("draw", .text(draw)), ("cut_off", .text("\(cutOff)")), ("seconds_left", .number(leftSeconds))])
    }

    package static func drawSealed(_ draw: DrawID, reason: String, unfinished: Int, absent: Int) -> LogEvent {
        LogEvent(
            "seal", "success",
            [
                ("draw", .text(draw.name)), ("reason", .text(reason)), ("unfinished", .number(unfinished)),
                ("absent", .number(absent)),
            ])
    }

    /// The draw will not be drawn.
    package static func drawVoid(_ draw: DrawID, reason: String) -> LogEvent {
        LogEvent("void", "success", [("draw", .text(draw.name)), ("reason", .text(reason))], level: .warning)
    }

    /// The draw is sealed and waits for operators to enter its number.
    package static func numberAwaited(_ draw: DrawID) -> LogEvent {
        LogEvent("number", "in_progress", [("draw", .text(draw.name))], level: .warning)
    }

    /// A planned draw whose cut-off passed while the service was down.
    package static func drawMissed(_ draw: DrawID) -> LogEvent {
        LogEvent("open_draw", "fail", [("draw", .text(draw.name))], level: .error)
    }

    /// Lines of late.csv are not valid: those of chunks that were not answered, or the file was changed.
    package static func lateListDamaged(path: String, lines: Int) -> LogEvent {
        LogEvent("read_late", "fail", [("path", .text(path)), ("lines", .number(lines))], level: .warning)
    }

    /// The control socket cannot be opened; the service runs without it.
    package static func controlFailed(path: String, reason: String) -> LogEvent {
        LogEvent("control", "fail", [("path", .text(path)), ("error", .text(reason))], level: .warning)
    }

    /// A draw whose files cannot be used; the other draws are served.
    package static func drawDamaged(_ draw: DrawID, reason: String) -> LogEvent {
        LogEvent("recover", "fail", [("draw", .text(draw.name)), ("error", .text(reason))], level: .error)
    }

    /// A draw of the calendar whose times are not instants; it is not opened.
    package static func calendarFault(reason: String) -> LogEvent {
        LogEvent("calendar", "fail", [("error", .text(reason))], level: .error)
    }

    /// late.csv cannot be written: late chunks are answered with busy until it can.
    package static func lateListFailed(path: String, reason: String) -> LogEvent {
        LogEvent(
            "list_late", "fail", [("path", .text(path)), ("error", .text(reason))], level: .error, isRepeatable: true)
    }

    package static func clockStepped(milliseconds: Int) -> LogEvent {
        LogEvent("clock", "fail", [("stepped_ms", .number(milliseconds))], level: .warning)
    }

    package static func refundsListed(path: String) -> LogEvent {
        LogEvent("list_refunds", "success", [("path", .text(path))])
    }

    package static func published(path: String) -> LogEvent {
        LogEvent("publish", "success", [("path", .text(path))])
    }

    package static func resultLoaded(bets: UInt64, number: UInt16) -> LogEvent {
        LogEvent(
            "load_result", "success",
            [("apuestas", .number(Int(clamping: bets))), ("numero", .drawnNumber(number))])
    }

    /// A served result disappeared or does not belong to the ledger beside it.
    package static func resultWithdrawn(path: String) -> LogEvent {
        LogEvent("withdraw_result", "success", [("path", .text(path))], level: .warning)
    }

    /// The draw's folder is missing or unreadable.
    package static func waitingForFolder(path: String) -> LogEvent {
        LogEvent(
            "load_result", "in_progress",
            [("path", .text(path)), ("error", .text("the folder does not exist or is not readable"))],
            level: .warning)
    }

    /// A result is not served.
    package static func resultRejected(path: String, reason: String) -> LogEvent {
        LogEvent(
            "load_result", "fail", [("path", .text(path)), ("error", .text(reason))], level: .error)
    }

    /// progress.json could not be replaced; the next change tries again.
    package static func progressFailed(path: String, reason: String) -> LogEvent {
        LogEvent(
            "write_progress", "fail", [("path", .text(path)), ("error", .text(reason))], level: .warning)
    }

    /// The ledger is sealed with another number, which is used.
    package static func numberSealed(_ sealed: UInt16, configured: UInt16) -> LogEvent {
        LogEvent(
            "config", "fail",
            [
                ("key", .text("draw.winningNumber")), ("value", .number(Int(configured))),
                ("used", .number(Int(sealed))), ("error", .text("the ledger is already sealed with another number")),
            ], level: .warning)
    }

    package static func stopRequested(by signal: String) -> LogEvent {
        LogEvent("stop", "in_progress", [("by", .text(signal))])
    }

    package static func closed(_ resource: String) -> LogEvent {
        LogEvent("close", "success", [("resource", .text(resource))])
    }

    package static func connectionFailed(
        address: String, reason: String, retryMilliseconds: Int
    ) -> LogEvent {
        LogEvent(
            "connect", "fail",
            [
                ("address", .text(address)), ("error", .text(reason)),
                ("retry_ms", .number(retryMilliseconds)),
            ], level: .warning)
    }

    package static func rowsRejected(count: Int, path: String) -> LogEvent {
        LogEvent(
            "read_file", "fail", [("rows", .number(count)), ("written_to", .text(path))],
            level: .warning)
    }

    package static func failed(_ reason: String) -> LogEvent {
        LogEvent("run", "fail", [("error", .text(reason))], level: .error)
    }
}
