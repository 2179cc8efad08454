import Domain
import TestKit
import WireProtocol

/// An agency's program, which the simulation steps.
protocol SimulatedAgency: AnyObject {
    var connection: SimulatedConnection? { get }
    /// Whether it has its winners.
    var isDone: Bool { get }
    /// A description of its state, for messages.
    var state: String { get }

    /// Does one step: connects, reads what has arrived, or sends.
    func step(_ draw: SimulatedDraw)

    /// Breaks its connection, or kills the program, which starts again.
    func hangUp()

    /// Ends the program after the draw if it still runs.
    func end()
}

extension SimulatedAgency {
    func end() {}
}

extension SimulatedConnection {
    /// Takes the next whole message that has arrived; nil if it is incomplete.
    ///
    /// - Throws: ``MessageFault`` if the bytes are not a message.
    func takeMessage() throws(MessageFault) -> Message? {
        guard received.count >= 4 else { return nil }
        let length = received[..<4].reduce(0) { $0 << 8 | Int($1) }
        guard received.count >= 4 + length else { return nil }
        let frame = Array(received[4..<4 + length])
        take(4 + length)
        return try Message(frame: frame)
    }
}

/// A native agency with a window, resumption, repeated chunks, and forged chunks with a used sequence.
final class SimulatedNativeAgency: SimulatedAgency {
    private enum Phase {
        case sending
        case consulting
        case done
    }

    private let id: AgencyID
    private let chunks: [Chunk]
    private(set) var connection: SimulatedConnection?
    private var phase = Phase.sending
    private var isWelcome = false
    private var window = 1
    private var nextToSend: UInt32 = 1
    /// The sequences in flight, and whether the chunk differs from the one planned under the sequence.
    private var inFlight: [(sequence: UInt32, isForged: Bool)] = []
    private var isAsked = false

    var isDone: Bool { phase == .done }
    var state: String {
        "native \(id) \(phase), in flight \(inFlight), next \(nextToSend), \(connection?.state ?? "-")"
    }

    init(_ id: AgencyID, _ planned: [LedgerAuditor.Planned]) {
        self.id = id
        chunks = planned.enumerated().map { index, chunk in
            Samples.chunk(sequence: UInt32(index + 1), bets: chunk.bets, isLast: chunk.isLast)
        }
    }

    func hangUp() {
        connection = nil
        isWelcome = false
        isAsked = false
        inFlight = []
    }

    func step(_ draw: SimulatedDraw) {
        guard phase != .done else { return }
        guard let connection else {
            connect(draw)
            return
        }
        while let message = takeMessage(connection, draw) {
            receive(message, draw)
            if self.connection == nil || phase == .done { return }
        }
        if connection.isEnded {
            hangUp()
            return
        }
        guard isWelcome else { return }
        switch phase {
        case .sending: send(on: connection, draw)
        case .consulting: consult(on: connection, draw)
        case .done: break
        }
    }

    private func connect(_ draw: SimulatedDraw) {
        connection = phase == .sending ? draw.connectIngest(nil, agency: id) : draw.connectWinners(nil)
        connection?.send(Message.hello(Hello(agency: id)).encoded)
    }

    private func takeMessage(_ connection: SimulatedConnection, _ draw: SimulatedDraw) -> Message? {
        do throws(MessageFault) {
            return try connection.takeMessage()
        } catch {
            draw.auditor.told(id, ["\(error)"])
            return nil
        }
    }

    private func receive(_ message: Message, _ draw: SimulatedDraw) {
        draw.trace("\(id) \(message.traced)")
        switch message {
        case .welcome(let welcome):
            isWelcome = true
            guard phase == .sending else { return }
            draw.auditor.welcomed(id, welcome)
            window = Int(welcome.window)
            nextToSend = welcome.nextSequence
            if welcome.isFinished { finishSending() }
            // Repeat up to three chunks.
            if nextToSend > 1, draw.chance(4) { nextToSend -= UInt32(draw.number(in: 1...Int(min(3, nextToSend - 1)))) }
        case .chunkProcessed(let processed):
            answered(processed.sequence, message, draw)
        case .chunkRejected(let rejected):
            answered(rejected.sequence, message, draw)
        case .winners(let winners):
            draw.auditor.told(id, winners.documents)
            connection?.endInput()
            if draw.chance(8) { hangUp() } else { phase = .done }
        case .notDrawnYet:
            isAsked = false
        case .error:
            connection?.endInput()
            hangUp()
        default:
            draw.auditor.told(id, ["\(message)"])
        }
    }

    private func answered(_ sequence: UInt32, _ message: Message, _ draw: SimulatedDraw) {
        guard let first = inFlight.first, first.sequence == sequence else {
            draw.auditor.told(id, ["an answer to \(sequence) out of order"])
            return
        }
        inFlight.removeFirst()
        if first.isForged {
            guard case .chunkRejected(let rejected) = message, rejected.code == .conflict else {
                draw.auditor.told(id, ["a forged chunk \(sequence) was not rejected as a conflict: \(message)"])
                return
            }
            return
        }
        draw.auditor.answered(id, sequence, message)
        if sequence == UInt32(chunks.count) { finishSending() }
    }

    private func finishSending() {
        phase = .consulting
        connection?.endInput()
        hangUp()
    }

    private func send(on connection: SimulatedConnection, _ draw: SimulatedDraw) {
        while inFlight.count < window, nextToSend <= chunks.count {
            let chunk = chunks[Int(nextToSend) - 1]
            connection.send(Message.chunk(chunk).encoded)
            inFlight.append((nextToSend, false))
            nextToSend += 1
            if draw.chance(16), inFlight.count < window {
                var forged = Samples.chunk(agency: 77, sequence: chunk.sequence)
                forged.isLast = false
                connection.send(Message.chunk(forged).encoded)
                inFlight.append((chunk.sequence, true))
            }
            if draw.chance(2) { return }
        }
    }

    private func consult(on connection: SimulatedConnection, _ draw: SimulatedDraw) {
        guard !isAsked else { return }
        isAsked = true
        let wait: UInt32 = draw.chance(3) ? 0 : UInt32(draw.number(in: 1...600_000))
        connection.send(Message.consultWinners(waitMilliseconds: wait).encoded)
    }
}

extension Message {
    /// Its text in the trace, without intentionally random fields.
    var traced: String {
        if case .notDrawnYet(let answer) = self { return "not drawn yet, \(answer.finishedAgencies)" }
        return "\(self)"
    }
}
