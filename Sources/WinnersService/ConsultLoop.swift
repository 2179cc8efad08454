import Connections
import Dialects
import Domain
import Ledger
import NIOCore
import Shell
import WireProtocol

/// The state of winners-service on one event loop: connections, parked questions and published answers.
///
/// A parked question is an entry in a dictionary, without a thread or polling.
///
/// Isolation: its event loop only.
final class ConsultLoop {
    let connections: FramedLoop
    private var parked: [ObjectIdentifier: ConsultChannel] = [:]
    private var answers: PublishedAnswers?
    private var progress: ProgressView
    private let log: EventLog

    init(eventLoop: any EventLoop, readBuffer: ReadBuffer, progress: ProgressView, log: EventLog) {
        connections = FramedLoop(eventLoop: eventLoop, readBuffer: readBuffer, budget: nil)
        self.progress = progress
        self.log = log
    }

    var agencies: UInt32 { answers?.agencies ?? progress.agencies }

    /// Answers from a published draw, with one write per connection, and returns the number of parked questions.
    @discardableResult
    func publish(_ winners: WinnersFile, draw: DrawID) -> Int {
        answers = PublishedAnswers(winners, draw: draw)
        let waiting = parked
        parked.removeAll()
        for channel in waiting.values {
            guard let agency = channel.agency else { continue }
            channel.answerParked(self.winners(agency, dialect: channel.dialect))
        }
        return waiting.count
    }

    /// Stops answering from a draw that has disappeared.
    func withdraw() {
        answers = nil
    }

    func update(_ progress: ProgressView) {
        self.progress = progress
    }

    func welcome(_ agency: AgencyID) -> ByteBuffer {
        if let welcome = answers?.welcome(agency) { return welcome }
        let welcome = Welcome(
            nextSequence: 0, storedBets: 0, rejectedBets: 0,
            maxFrameBytes: UInt32(Limits.maxConsultFrameBytes), window: 1,
            isFinished: progress.finished.contains(agency), draw: progress.draw.name)
        return ByteBuffer(bytes: Message.welcome(welcome).encoded)
    }

    var isPublished: Bool { answers != nil }

    /// Returns nil before the publication, or if the winners cannot be read.
    func winners(_ agency: AgencyID, dialect: (any Dialect)?) -> FramedAnswer? {
        guard let answers else { return nil }
        do throws(WinnersFault) {
            return try answers.winners(agency, dialect: dialect)
        } catch {
            report(error, agency: agency)
            return nil
        }
    }

    func report(_ fault: WinnersFault, agency: AgencyID?) {
        let whose = agency.map { "the winners of agency \($0)" } ?? "winners"
        log(.resultRejected(path: "winners.list", reason: "\(whose) cannot be sent: \(fault)"))
    }

    /// Parks a question; nil waits without limit.
    func park(_ channel: ConsultChannel, waitMilliseconds: UInt32?) {
        channel.parkedUntil =
            waitMilliseconds.map { connections.now + .milliseconds(Int64(min($0, Limits.maxWaitMilliseconds))) }
            ?? .distantFuture
        parked[ObjectIdentifier(channel)] = channel
    }

    func unpark(_ channel: ConsultChannel) {
        parked[ObjectIdentifier(channel)] = nil
    }

    /// Answers questions whose wait is over, and ends overdue connections.
    ///
    /// Called four times a second.
    func sweep() {
        let now = connections.now
        for (id, channel) in parked {
            guard let deadline = channel.parkedUntil, deadline <= now else { continue }
            parked[id] = nil
            channel.answerParked(.shared(notDrawnYet))
        }
        connections.sweep()
    }

    func closeAll() {
        connections.forEach { $0.finish(with: Message.shuttingDown.encoded) }
    }

    /// The answer before the draw; its random delay spreads agencies that ask together.
    var notDrawnYet: ByteBuffer {
        let answer = NotDrawnYet(
            finishedAgencies: UInt32(progress.finished.count), expectedAgencies: progress.expectedAgencies,
            retryAfterMilliseconds: .random(in: 500...1500))
        return ByteBuffer(bytes: Message.notDrawnYet(answer).encoded)
    }
}

/// The contents of progress.json, shared by all event loops.
final class ProgressView: Sendable {
    let draw: DrawID
    let finished: Set<AgencyID>
    let expectedAgencies: UInt32
    /// The configured number, or that of the draw if it is larger.
    let agencies: UInt32

    init(draw: DrawID, progress: DrawProgress?, configured: UInt32) {
        self.draw = draw
        finished = Set(progress?.finishedAgencies ?? [])
        expectedAgencies = progress?.expectedAgencies ?? configured
        agencies = max(expectedAgencies, configured)
    }
}
