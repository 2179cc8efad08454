import Connections
import Dialects
import Domain
import Ledger
import NIOCore
import Shell
import WireProtocol

/// What the winners service keeps for one event loop: its connections, the questions that wait for the publication, and
/// what is published.
///
/// A parked question is an entry in a dictionary, without a thread and without polling.
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

    /// Agencies that may ask.
    var agencies: UInt32 { answers?.agencies ?? progress.agencies }

    /// The draw is published: answers every parked question, each connection with one write.
    ///
    /// - Returns: how many were parked.
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

    /// What was published is no longer there: nothing of it is told any more.
    func withdraw() {
        answers = nil
    }

    /// What is said before the draw has changed.
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

    /// An agency's winners; nil before the draw, and if they cannot be read.
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
        log(.resultRefused(path: "winners.list", reason: "\(whose) cannot be told: \(fault)"))
    }

    /// - Parameter waitMilliseconds: nil waits without an end.
    func park(_ channel: ConsultChannel, waitMilliseconds: UInt32?) {
        channel.parkedUntil =
            waitMilliseconds.map { connections.now + .milliseconds(Int64(min($0, Limits.maxWaitMilliseconds))) }
            ?? .distantFuture
        parked[ObjectIdentifier(channel)] = channel
    }

    func unpark(_ channel: ConsultChannel) {
        parked[ObjectIdentifier(channel)] = nil
    }

    /// Answers questions that have waited as long as they wanted to, and ends overdue connections.
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

    /// Tells every connection to come back later, and closes.
    func closeAll() {
        connections.forEach { $0.finish(with: Message.shuttingDown.encoded) }
    }

    /// With a random delay, so that agencies that ask at the same moment do not come back at the same moment.
    var notDrawnYet: ByteBuffer {
        let answer = NotDrawnYet(
            finishedAgencies: UInt32(progress.finished.count), expectedAgencies: progress.expectedAgencies,
            retryAfterMilliseconds: .random(in: 500...1500))
        return ByteBuffer(bytes: Message.notDrawnYet(answer).encoded)
    }
}

/// progress.json as all event loops share it: made once for each change.
final class ProgressView: Sendable {
    let draw: DrawID
    let finished: Set<AgencyID>
    let expectedAgencies: UInt32
    /// Agencies that may ask: those of the configuration, or of the draw if it has more.
    let agencies: UInt32

    /// - Parameter configured: the agencies of the configuration.
    init(draw: DrawID, progress: DrawProgress?, configured: UInt32) {
        self.draw = draw
        finished = Set(progress?.finishedAgencies ?? [])
        expectedAgencies = progress?.expectedAgencies ?? configured
        agencies = max(expectedAgencies, configured)
    }
}
