import AgencyLanguages
import Platform

/// Plays the agencies of a draw against a server and reports which cases hold.
///
/// It covers the draw from the first chunk to the winners. Agency 1 sends unusual messages, the others usual ones. The
/// last agency begins when all others have finished.
///
/// Isolation: one thread; it blocks.
struct Doctor {
    struct Settings {
        var language: any AgencyLanguage
        var address: Endpoint
        /// The address to ask for winners, in languages with a port of their own for it.
        var winnersAddress: Endpoint
        var agencies: Int
        var winningNumber: UInt16
        /// The longest time to wait for an answer.
        var patience: Duration
    }

    struct Finding {
        var name: String
        /// Nil if the language has no such case.
        var holds: Bool?
        var seen: String
    }

    private let settings: Settings
    private(set) var findings: [Finding] = []
    /// The documents that each agency must receive as winners.
    private var winners: [Int: [String]] = [:]
    private var hasSplitAnswer = false
    private var lastDocument = 20_000_000

    /// The largest number of bets that it sends.
    static func betCount(agencies: Int) -> Int { 27 + 2 * agencies }

    init(_ settings: Settings) {
        precondition(settings.agencies >= 2, "\(settings.agencies) agencies")
        self.settings = settings
    }

    /// Runs all cases.
    ///
    /// - Throws: ``DoctorError`` if the server cannot be reached at all.
    mutating func run() throws(DoctorError) {
        try storing()
        try rejecting()
        try surviving()
        let stalled = try connect(settings.agencies)
        stalled.send(Array(stalled.chunk([row()]).dropLast(4)))
        try drawing(beside: stalled)
    }
}

// MARK: - The cases

extension Doctor {
    /// Sends chunks that must be stored, in one piece or in many.
    private mutating func storing() throws(DoctorError) {
        var connection = try connect(1)
        for byte in connection.chunk([row(), winner(of: 1)]) { connection.send([byte]) }
        let bytewise = connection.read(.chunk)
        add("a chunk that arrives byte by byte is stored", bytewise.isStored, bytewise)

        if settings.language.isOneMessagePerConnection {
            skip("two chunks in one segment are two chunks", "a connection carries one message")
        } else {
            connection.send(connection.chunk([row()]) + connection.chunk([row()]))
            let (first, second) = (connection.read(.chunk), connection.read(.chunk))
            add("two chunks in one segment are two chunks", first.isStored && second.isStored, "\(first), \(second)")
        }

        connection = try next(connection)
        if settings.language.abilities.contains(.noBets) {
            let empty = connection.store([])
            add("a chunk of zero bets is acknowledged", empty.isStored, empty)
            connection = try next(connection)
        } else {
            skip("a chunk of zero bets is acknowledged", "only a last chunk may be empty")
        }

        if settings.language.abilities.contains(.paddedNumbers) {
            var (plain, padded) = (row(), row())
            let isOurs = settings.winningNumber < 1000
            plain[4] = isOurs ? "\(settings.winningNumber)" : "7"
            padded[4] = String(repeating: "0", count: 4 - plain[4].count) + plain[4]
            let outcome = connection.store([plain, padded])
            if isOurs, outcome.isStored { winners[1, default: []] += [plain[2], padded[2]] }
            add("numbers \(padded[4]) and \(plain[4]) are the same number", outcome.isStored, outcome)
            connection = try next(connection)
        } else {
            skip("numbers 0007 and 7 are the same number", "numbers are not text in this language")
        }

        var long = winner(of: nil)
        long[2] = "999" + long[2]
        let outcome = connection.store([long])
        if settings.language.abilities.contains(.longDocuments) {
            if outcome.isStored { winners[1, default: []].append(long[2]) }
            add("a document of 11 digits is stored", outcome.isStored, outcome)
        } else {
            add("a document of 11 digits, which an answer cannot carry, is rejected", isRejection(outcome), outcome)
        }
        hasSplitAnswer = hasSplitAnswer || connection.hasSplitAnswer
    }

    /// Sends chunks of which nothing must be stored.
    private mutating func rejecting() throws(DoctorError) {
        var connection = try connect(1)
        let first = connection.store([row()])
        connection = try next(connection)
        var wrong = row()
        wrong[4] = "10000"
        let bad = connection.store([winner(of: nil), wrong])
        add("a chunk with one invalid bet is rejected", bad.isRejection(in: settings.language, bets: 1), bad)
        if settings.language.rejectionCloses { connection = try connect(1) }
        connection = try next(connection)
        let last = connection.store([row()])
        add("valid chunks before and after it are stored", first.isStored && last.isStored, "\(first), \(last)")
        hasSplitAnswer = hasSplitAnswer || connection.hasSplitAnswer

        var nameless = winner(of: nil)
        nameless[0] = ""
        let empty = try connect(1).store([nameless])
        add("an empty name is rejected", isRejection(empty), empty)

        let name = "a separator inside a name does not shift the fields"
        var split = winner(of: nil)
        if let separator = settings.language.separator {
            split[0] = "Ana" + separator + "Belén"
            let outcome = try connect(1).store([split])
            add(name, isRejection(outcome), outcome)
        } else {
            skip(name, "fields have lengths")
        }
        try foreignAgencies()
        let nonsense = settings.language.nonsense
        try survive("a message of length 0 gets an answer or a close", nonsense.empty, isChunk: false)
        try survive("a message of an unknown kind is rejected", nonsense.unknown, isChunk: true)
        if let header = nonsense.header {
            try survive("an invalid header is rejected", header, isChunk: true)
        } else {
            skip("an invalid header is rejected", "this language has no header")
        }
    }

    /// Sends chunks of agencies that do not belong there.
    private mutating func foreignAgencies() throws(DoctorError) {
        let outside = settings.agencies + 1
        var language = settings.language
        if language.greeting(agency: "\(outside)") == nil {
            let outcome = try connect(outside).store([row()])
            add("agency \(outside) of \(settings.agencies) is rejected", isRejection(outcome), outcome)
        } else {
            skip("agency \(outside) of \(settings.agencies) is rejected", "it gets no further than its greeting")
        }
        let name = "a chunk of an agency other than the connection's is rejected"
        if language.isOneMessagePerConnection || language.greeting(agency: "1") != nil {
            skip(name, "a connection carries one agency only")
        } else {
            let connection = try connect(1)
            _ = connection.store([row()])
            connection.send(language.chunk([winner(of: nil)], agency: "2", isLast: false))
            let outcome = connection.read(.chunk)
            add(name, isRejection(outcome), outcome)
        }
    }

    private func isRejection(_ outcome: DoctorConnection.Outcome) -> Bool {
        outcome.isRejection(in: settings.language)
    }

    private mutating func survive(_ name: String, _ bytes: [UInt8], isChunk: Bool) throws(DoctorError) {
        let connection = try connect(1)
        connection.send(bytes)
        let outcome = connection.read(.chunk)
        add(name, isRejection(outcome) || !isChunk && (outcome.isStored || outcome == .closed), outcome)
    }

    /// Closes a connection inside a message; the next agency must be served.
    private mutating func surviving() throws(DoctorError) {
        do {
            let connection = try connect(1)
            let chunk = connection.chunk([winner(of: nil), row()])
            connection.send(Array(chunk.prefix(chunk.count / 2)))
        }
        let healthy = try connect(2).store([row()])
        add("after half a message and a close the next agency is served", healthy.isStored, healthy)
    }

    /// Finishes all agencies and checks the draw and its winners.
    ///
    /// - Parameter stalled: a connection of the last agency that stopped inside a chunk.
    private mutating func drawing(beside stalled: DoctorConnection) throws(DoctorError) {
        var waiting: [(agency: Int, connection: DoctorConnection)] = []
        var finishes: [DoctorConnection.Outcome] = []
        for agency in 1..<settings.agencies {
            finishes.append(try end(agency, rows: [row(), winner(of: agency)], waiting: &waiting))
        }
        let failed = finishes.first { !$0.isStored && $0 != .reply(.finished) }
        add(
            "an agency that stalls inside a chunk delays no other", failed == nil,
            failed.map { "\($0)" } ?? "\(finishes.count) others were served")

        var early: [String] = []
        for (agency, connection) in waiting {
            switch connection.read(.consult, within: .milliseconds(300)) {
            case .silence, .closed, .reply(.notDrawnYet): break
            case let outcome: early.append("agency \(agency): \(outcome)")
            }
        }
        add(
            "no agency receives winners before the last one has finished", early.isEmpty,
            early.first ?? "\(waiting.count) wait")

        withExtendedLifetime(stalled) {}
        let late = try end(settings.agencies, rows: [row()], waiting: &waiting)
        add(
            "an agency that starts when all others have finished is served", late.isStored || late == .reply(.finished),
            late)
        consultations(waiting)
    }

    /// Returns the answer to END; in languages without one, the answer to the chunk.
    private mutating func end(
        _ agency: Int, rows: [[String]], waiting: inout [(agency: Int, connection: DoctorConnection)]
    ) throws(DoctorError) -> DoctorConnection.Outcome {
        var connection = try connect(agency)
        let stored = connection.store(rows)
        connection = try next(connection, agency: agency)
        let outcome = connection.finish() ?? stored
        hasSplitAnswer = hasSplitAnswer || connection.hasSplitAnswer
        if settings.language.hasWinnersPort {
            connection = try DoctorConnection(
                settings.winnersAddress, settings.language, agency: agency, patience: settings.patience)
        }
        connection.consult()
        waiting.append((agency, connection))
        return outcome
    }

    private mutating func consultations(_ waiting: [(agency: Int, connection: DoctorConnection)]) {
        var wrong: [String] = []
        var last = DoctorConnection.Outcome.silence
        for (agency, connection) in waiting {
            last = consultation(agency, connection)
            guard case .reply(.winners(let documents)) = last, documents.sorted() == (winners[agency] ?? []).sorted()
            else {
                if agency < settings.agencies {
                    let expected = (winners[agency] ?? []).joined(separator: " ")
                    wrong.append("agency \(agency): \(last); \(expected) expected")
                }
                continue
            }
        }
        add(
            "each agency receives its own winners only, and none of rejected chunks", wrong.isEmpty,
            wrong.first ?? "\(winners.values.reduce(0) { $0 + $1.count }) winners of \(waiting.count) agencies")
        add("zero winners are an empty list, not one empty winner", last == .reply(.winners([])), last)
        add("each answer arrives in one piece", !hasSplitAnswer, hasSplitAnswer ? "one took two reads" : "all did")
    }

    /// Asks again if the language polls.
    private mutating func consultation(_ agency: Int, _ first: DoctorConnection) -> DoctorConnection.Outcome {
        let deadline = ContinuousClock.now + settings.patience
        var connection = first
        while true {
            let outcome = connection.read(.consult, within: max(.zero, deadline - .now))
            hasSplitAnswer = hasSplitAnswer || connection.hasSplitAnswer
            guard outcome == .reply(.notDrawnYet) || outcome == .closed, ContinuousClock.now < deadline,
                let again = try? DoctorConnection(
                    settings.language.hasWinnersPort ? settings.winnersAddress : settings.address, settings.language,
                    agency: agency, patience: settings.patience)
            else { return outcome }
            again.consult()
            connection = again
        }
    }
}

// MARK: - Bets and findings

extension Doctor {
    private mutating func row() -> [String] {
        lastDocument += 1
        let number = settings.winningNumber == 1 ? 2 : 1
        return ["José", "Peña", String(lastDocument), "1990-05-17", String(number)]
    }

    /// Returns a bet on the winning number for `agency`; nil if its chunk must not be stored.
    private mutating func winner(of agency: Int?) -> [String] {
        var winner = row()
        winner[4] = String(settings.winningNumber)
        if let agency { winners[agency, default: []].append(winner[2]) }
        return winner
    }

    private func connect(_ agency: Int) throws(DoctorError) -> DoctorConnection {
        try DoctorConnection(settings.address, settings.language, agency: agency, patience: settings.patience)
    }

    /// Returns a new connection only in languages with one message per connection.
    private func next(_ connection: DoctorConnection, agency: Int = 1) throws(DoctorError) -> DoctorConnection {
        settings.language.isOneMessagePerConnection ? try connect(agency) : connection
    }

    private mutating func add(_ name: String, _ holds: Bool, _ seen: some CustomStringConvertible) {
        add(Finding(name: name, holds: holds, seen: seen.description))
    }

    private mutating func skip(_ name: String, _ reason: String) {
        add(Finding(name: name, holds: nil, seen: reason))
    }

    private mutating func add(_ finding: Finding) {
        findings.append(finding)
    }
}
