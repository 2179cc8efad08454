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
    private(set) var draws: KnownDraws
    private var parked: [ObjectIdentifier: ConsultChannel] = [:] {
        didSet {
            guard parked.count != countedParked else { return }
            figures.addParked(parked.count - countedParked)
            countedParked = parked.count
        }
    }
    private var countedParked = 0
    /// Parked questions of dialects whose draw is not known yet.
    private var unresolved: [ObjectIdentifier: ConsultChannel] = [:]
    private var answers: [DrawID: PublishedAnswers] = [:]
    private let kept = AnswerBudget()
    private let load: @Sendable (DrawID) -> Void
    private let log: EventLog
    private let clock: @Sendable () -> UInt64
    private let figures: ConsultFigures

    /// The longest wait for the files of an earlier draw.
    private static let loadMilliseconds: UInt32 = 30_000

    /// - Parameter load: asks for the files of a published draw; ``publish(_:draw:)`` follows.
    init(
        eventLoop: any EventLoop, readBuffer: ReadBuffer, draws: KnownDraws, load: @escaping @Sendable (DrawID) -> Void,
        clock: @escaping @Sendable () -> UInt64, figures: ConsultFigures = ConsultFigures(), log: EventLog
    ) {
        self.clock = clock
        self.figures = figures
        connections = FramedLoop(eventLoop: eventLoop, readBuffer: readBuffer, budget: nil)
        self.draws = draws
        self.load = load
        self.log = log
    }

    /// Starts answering from a published draw and answers every parked question about it, with one write per connection.
    ///
    /// - Returns: the number of parked questions.
    @discardableResult
    func publish(_ winners: WinnersFile, draw: DrawID) -> Int {
        answers[draw]?.release()
        answers[draw] = PublishedAnswers(winners, draw: draw, kept: kept)
        let waiting = parked.filter { $0.value.draw == draw || $0.value.draw == nil }
        for (id, channel) in waiting {
            parked[id] = nil
            guard let agency = channel.agency else { continue }
            channel.answerParked(self.winners(agency, draw, dialect: channel.dialect))
        }
        return waiting.count
    }

    /// Stops answering from a draw: its files have disappeared, or others are used more.
    func withdraw(_ draw: DrawID) {
        answers.removeValue(forKey: draw)?.release()
    }

    /// Replaces what is known about the draws, and ends the questions about void ones.
    func update(_ draws: KnownDraws) {
        let newlyVoid = draws.void.filter { self.draws.void[$0.key] == nil }
        self.draws = draws
        if !newlyVoid.isEmpty {
            for (id, channel) in parked {
                guard let draw = channel.draw, let reason = newlyVoid[draw] else { continue }
                parked[id] = nil
                channel.failParked(.drawVoid, Self.text(draw, reason))
            }
        }
        for channel in unresolved.values { channel.resolve(isLastAttempt: false) }
    }

    /// Ends the questions about a draw whose files are gone.
    func failParked(_ draw: DrawID) {
        for (id, channel) in parked where channel.draw == draw {
            parked[id] = nil
            channel.failParked(.unknownDraw, "there is no draw \(draw)")
        }
    }

    /// Keeps the question of a dialect's agency until it is known which draw it means.
    func keepUnresolved(_ channel: ConsultChannel) { unresolved[ObjectIdentifier(channel)] = channel }
    func forgetUnresolved(_ channel: ConsultChannel) { unresolved[ObjectIdentifier(channel)] = nil }

    func welcome(_ agency: AgencyID, _ named: DrawID?) -> ByteBuffer {
        let draw = named ?? draws.draw(consultedBy: agency)
        if let draw, let welcome = answers[draw]?.welcome(agency) { return welcome }
        let welcome = Welcome(
            nextSequence: 0, storedBets: 0, rejectedBets: 0,
            maxFrameBytes: UInt32(Limits.maxConsultFrameBytes), window: 1,
            isFinished: draw.flatMap { draws.live[$0] }?.finished.contains(agency) == true, draw: draw?.name ?? "")
        return ByteBuffer(bytes: Message.welcome(welcome).encoded)
    }

    /// The outcome of a question about a draw.
    enum Outcome {
        case answer(FramedAnswer)
        /// The winners cannot be read.
        case unreadable
        case void(String)
        case notPublished
    }

    /// Answers an agency's question.
    ///
    /// - Parameter draw: nil without any draw.
    func outcome(_ agency: AgencyID, _ draw: DrawID?, dialect: (any Dialect)?) -> Outcome {
        figures.countConsultation()
        guard let draw else { return .notPublished }
        if answers[draw] != nil {
            return winners(agency, draw, dialect: dialect).map(Outcome.answer) ?? .unreadable
        }
        return draws.void[draw].map { .void(Self.text(draw, $0)) } ?? .notPublished
    }

    private static func text(_ draw: DrawID, _ reason: String) -> String { "draw \(draw) is void: \(reason)" }

    /// Returns an agency's winners; nil before the publication, or if they cannot be read.
    private func winners(_ agency: AgencyID, _ draw: DrawID, dialect: (any Dialect)?) -> FramedAnswer? {
        guard let answers = answers[draw] else { return nil }
        do throws(WinnersFault) {
            return try answers.winners(agency, dialect: dialect)
        } catch {
            report(error, agency: agency)
            return nil
        }
    }

    /// The roster's dates are compared with it.
    var today: Birthdate { Birthdate(unixMilliseconds: clock()) }

    /// Ends the parked questions of peers that a new roster does not let in.
    func recheck() {
        for (id, channel) in parked.merging(unresolved, uniquingKeysWith: { first, _ in first })
        where channel.denyParked() {
            parked[id] = nil
            unresolved[id] = nil
        }
    }

    func report(denied agency: AgencyID, peer: String, reason: String) {
        log(.denied(agency, peer: peer, reason: reason))
    }

    func report(_ fault: WinnersFault, agency: AgencyID?) {
        let whose = agency.map { "the winners of agency \($0)" } ?? "winners"
        log(.resultRejected(path: "winners.list", reason: "\(whose) cannot be sent: \(fault)"))
    }

    /// Whether a draw is published, and its files are not in use yet.
    func mustLoad(_ draw: DrawID?) -> Bool {
        guard let draw else { return false }
        return answers[draw] == nil && draws.published[draw] != nil
    }

    /// - Parameter waitMilliseconds: the longest wait; nil for no limit.
    func park(_ channel: ConsultChannel, waitMilliseconds: UInt32?) {
        var wait = waitMilliseconds
        if let draw = channel.draw, mustLoad(draw) {
            load(draw)
            wait = Self.loadMilliseconds
        }
        channel.parkedUntil =
            wait.map { connections.now + .milliseconds(Int64(min($0, Limits.maxWaitMilliseconds))) } ?? .distantFuture
        parked[ObjectIdentifier(channel)] = channel
    }

    func unpark(_ channel: ConsultChannel) {
        parked[ObjectIdentifier(channel)] = nil
        unresolved[ObjectIdentifier(channel)] = nil
    }

    /// Answers questions whose wait is over, and ends overdue connections.
    ///
    /// Called four times a second.
    func sweep() {
        let now = connections.now
        for (id, channel) in parked {
            guard let deadline = channel.parkedUntil, deadline <= now else { continue }
            parked[id] = nil
            channel.answerParked(.shared(notDrawnYet(channel.draw)))
        }
        for channel in unresolved.values where channel.isResolveDue(now) { channel.resolve(isLastAttempt: true) }
        connections.sweep()
    }

    /// Sends `shuttingDown` to every connection and closes it.
    func closeAll() {
        connections.forEach { $0.finish(with: Message.shuttingDown.encoded) }
    }

    /// The answer before the draw, with a random delay, so that agencies that ask together do not return together.
    func notDrawnYet(_ draw: DrawID?) -> ByteBuffer {
        let live = draw.flatMap { draws.live[$0] }
        let answer = NotDrawnYet(
            finishedAgencies: UInt32(live?.finished.count ?? 0),
            expectedAgencies: live?.expectedAgencies ?? draws.configuredAgencies,
            retryAfterMilliseconds: .random(in: 500...1500))
        return ByteBuffer(bytes: Message.notDrawnYet(answer).encoded)
    }
}
