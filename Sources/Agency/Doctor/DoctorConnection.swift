import AgencyLanguages
import Platform

/// A connection of an agency that the doctor plays, on one thread.
final class DoctorConnection {
    enum Outcome: Equatable {
        case reply(AgencyReply)
        /// The server closed without an answer.
        case closed
        /// Nothing arrived in time.
        case silence
        /// Bytes other than an answer of the language.
        case garbled([UInt8])

        var isStored: Bool {
            if case .reply(.stored) = self { true } else { false }
        }

        /// Whether nothing was stored, reported in the language's way; `bets` are the invalid ones.
        func isRejection(in language: any AgencyLanguage, bets: Int = 0) -> Bool {
            switch self {
            case .reply(.rejected(let badBets, _)): badBets == 0 || bets == 0 || badBets == bets
            case .closed: language.rejectionCloses
            default: false
            }
        }
    }

    private let socket: DoctorSocket
    private let patience: Duration
    private var language: any AgencyLanguage
    private let agency: String
    private var received: [UInt8] = []
    /// Whether an answer took several reads of the socket.
    private(set) var hasSplitAnswer = false

    /// Connects and greets, if the language has a greeting.
    ///
    /// - Throws: ``DoctorError``.
    init(
        _ endpoint: Endpoint, _ language: any AgencyLanguage, agency: Int, patience: Duration
    ) throws(DoctorError) {
        socket = try DoctorSocket(endpoint)
        self.language = language
        self.agency = String(agency)
        self.patience = patience
        if let greeting = self.language.greeting(agency: self.agency) {
            send(greeting)
            guard read(.greeting).isStored else {
                throw DoctorError(address: endpoint, reason: "agency \(agency) was not welcomed")
            }
        }
    }

    func send(_ bytes: [UInt8]) {
        socket.send(bytes)
    }

    func chunk(_ rows: [[String]]) -> [UInt8] {
        language.chunk(rows, agency: agency, isLast: false)
    }

    func store(_ rows: [[String]]) -> Outcome {
        send(chunk(rows))
        return read(.chunk)
    }

    /// Returns nil if the language has no END.
    func finish() -> Outcome? {
        guard let bytes = language.finish(agency: agency) else { return nil }
        send(bytes)
        return read(.finish)
    }

    func consult() {
        send(language.consult(agency: agency))
    }

    /// Waits for an answer, by default within the doctor's patience.
    func read(_ question: AgencyQuestion, within time: Duration? = nil) -> Outcome {
        let deadline = ContinuousClock.now + (time ?? patience)
        var reads = 0
        while true {
            switch language.reply(received, to: question) {
            case .reply(let reply, let byteCount):
                if reads > 1 { hasSplitAnswer = true }
                received.removeFirst(byteCount)
                return .reply(reply)
            case .invalid:
                return .garbled(received)
            case .needsBytes:
                break
            }
            guard ContinuousClock.now < deadline else { return received.isEmpty ? .silence : .garbled(received) }
            switch socket.receive(within: deadline - .now) {
            case .bytes(let bytes):
                received += bytes
                reads += 1
            case .end:
                return received.isEmpty ? .closed : .garbled(received)
            case .silence:
                return received.isEmpty ? .silence : .garbled(received)
            }
        }
    }
}

extension DoctorConnection.Outcome: CustomStringConvertible {
    var description: String {
        switch self {
        case .reply(.stored): "stored"
        case .reply(.rejected(_, let reason)): reason.isEmpty ? "rejected" : "rejected: \(reason)"
        case .reply(.finished): "finished"
        case .reply(.winners(let documents)):
            "winners: \(documents.isEmpty ? "none" : documents.joined(separator: " "))"
        case .reply(.notDrawnYet): "not drawn yet"
        case .closed: "closed without an answer"
        case .silence: "no answer in time"
        case .garbled(let bytes):
            "not an answer of this dialect: \(String(decoding: bytes.prefix(60), as: UTF8.self).debugDescription)"
        }
    }
}
