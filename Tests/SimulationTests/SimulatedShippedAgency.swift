import Domain
import NIOConcurrencyHelpers
import Platform
import Shell
import TestKit
import WireProtocol

@testable import Agency

/// The shipped agency on a thread in lockstep with the simulation: checks its file, sends it and asks for its winners.
///
/// It is killed and started again, and its connections break.
final class SimulatedShippedAgency: SimulatedAgency {
    private let id: AgencyID
    let planned: [LedgerAuditor.Planned]
    private let disk = SimulatedDisk()
    private let configuration: ServiceConfiguration?
    private(set) var connection: SimulatedConnection?
    private(set) var isDone = false
    private var link: LockstepLink?
    private var thread: NamedThread?
    private var request: LockstepLink.Request?
    private var runs: UInt64 = 0
    /// Whether the program is killed at its next step.
    private var isKilled = false
    private var hangUps = 0

    /// Later than the services' clock: a birthdate in between is valid for the agency and rejected by the service.
    private static let today = Samples.today
    private static let unborn = Birthdate(packed: 20_260_601)

    var state: String {
        "shipped \(id), run \(runs), waits for \(request.map { "\($0)" } ?? "-"), \(connection?.state ?? "-")"
    }

    init(_ id: AgencyID, _ draw: SimulatedDraw) {
        self.id = id
        let chunkBets = draw.number(in: 1...3)
        var planned = (0..<draw.number(in: 1...4)).map { index in
            let bets = (0..<chunkBets).map { bet in
                var bet = Samples.bet(Int(id.rawValue) * 10_000 + index * 100 + bet)
                bet.number = draw.chance(3) ? 7 : UInt16(8 + index)
                return bet
            }
            return LedgerAuditor.Planned(bets: bets, isBad: draw.chance(5), isLast: false)
        }
        for index in planned.indices where planned[index].isBad {
            planned[index].bets[chunkBets - 1].birthdate = Self.unborn
        }
        planned[planned.count - 1].isLast = true
        let rows = planned.flatMap(\.bets).map {
            "\($0.firstName),\($0.lastName),\($0.document),\($0.birthdate),\($0.number)\r\n"
        }
        disk.put("bets.csv", Array(rows.joined().utf8))
        // A rejected last chunk leaves the agency unfinished: an empty one follows.
        if planned[planned.count - 1].isBad { planned.append(.init(bets: [], isBad: false, isLast: true)) }
        self.planned = planned
        configuration = try? Self.configuration(id, chunkBets)
    }

    /// A cache, because making a configuration takes longer than most draws.
    private static let configurations = NIOLockedValueBox<[[Int]: ServiceConfiguration]>([:])

    private static func configuration(_ id: AgencyID, _ chunkBets: Int) throws -> ServiceConfiguration {
        let key = [Int(id.rawValue), chunkBets]
        if let known = configurations.withLockedValue({ $0[key] }) { return known }
        let flags = [
            "agency.id": "\(id)", "batch.maxAmount": "\(chunkBets)", "ingest.address": "127.0.0.1:1",
            "winners.address": "127.0.0.1:2", "retry.maxMilliseconds": "200",
        ]
        let configuration = try ServiceConfiguration(flags: flags, environment: [:], file: nil)
        configurations.withLockedValue { $0[key] = configuration }
        return configuration
    }

    func hangUp() {
        hangUps += 1
        if hangUps % 2 == 0 { isKilled = true } else { connection = nil }
    }

    func end() {
        stop(elapsed: .zero)
    }

    func step(_ draw: SimulatedDraw) {
        guard !isDone else { return }
        if isKilled {
            draw.trace("\(id) killed")
            stop(elapsed: draw.elapsed)
            isKilled = false
            return
        }
        if let link {
            guard let request, let reply = reply(to: request, draw) else { return }
            run(link, reply, draw)
        } else {
            start(draw)
        }
    }

    // MARK: The program

    private func start(_ draw: SimulatedDraw) {
        guard let configuration else {
            draw.auditor.told(id, ["no configuration"])
            return
        }
        runs += 1
        let link = LockstepLink(seed: UInt64(id.rawValue) << 32 | runs, elapsed: draw.elapsed)
        let disk = disk
        self.link = link
        thread = NamedThread("agency") {
            link.end(Result { try Self.program(configuration, disk, link) })
        }
        run(link, nil, draw)
    }

    /// Does what `agency send` does, without log and report.
    private static func program(
        _ configuration: ServiceConfiguration, _ disk: SimulatedDisk, _ link: LockstepLink
    ) throws -> [String] {
        let reader = BetFileReader(try BetFile("bets.csv", on: disk), today: today)
        let check = try BetFileCheck(reader, invalid: .invalid(of: "bets.csv", on: disk) { _ in })
        let packer = ChunkPacker(maxBets: configuration.maxChunkBets, maxBytes: configuration.maxChunkBytes)
        func dialog(_ endpoints: [Endpoint]) -> ServiceDialog {
            ServiceDialog(endpoints: endpoints, configuration: configuration, link: link, rerun: .resumes, log: .silent)
        }
        var sender = BetSender(
            stream: BetStream(reader: reader, check: check, packer: packer),
            rejected: .rejected(of: "bets.csv", on: disk) { _ in }, log: .silent)
        var ingest = dialog(configuration.ingest.addresses)
        let totals = try sender.run(&ingest)
        var winners = dialog(configuration.winners.addresses)
        let consultation = WinnersConsultation(drawDeadline: .seconds(86_400), maxWinners: totals.stored)
        return try consultation.run(&winners).documents
    }

    /// Runs the program until its next request, and performs its actions on the connection.
    private func run(_ link: LockstepLink, _ reply: LockstepLink.Reply?, _ draw: SimulatedDraw) {
        request = link.run(reply, elapsed: draw.elapsed)
        for action in link.takeActions() {
            switch action {
            case .send(let bytes):
                connection?.send(bytes)
            case .close:
                connection?.endInput()
                connection = nil
            }
        }
        guard request == nil, let outcome = link.outcome else { return }
        join()
        switch outcome {
        case .success(let documents):
            draw.auditor.told(id, documents)
            isDone = true
        case .failure(AgencyError.deadline), .failure(AgencyError.superseded), .failure(is Stopped):
            draw.trace("\(id) ended")  // The next step starts it again.
        case .failure(let error):
            draw.auditor.told(id, ["the agency ended with: \(error)"])
        }
    }

    /// Kills the program, which loses everything except its file.
    private func stop(elapsed: Duration) {
        connection = nil
        guard let link else { return }
        while link.run(.stop("SIGKILL"), elapsed: elapsed) != nil {}
        join()
    }

    private func join() {
        thread?.join()
        (thread, link, request) = (nil, nil, nil)
    }

    // MARK: Requests of the program

    /// Returns the reply to a request, or nil if the program must wait longer.
    private func reply(to request: LockstepLink.Request, _ draw: SimulatedDraw) -> LockstepLink.Reply? {
        let start = link?.start ?? .now
        switch request {
        case .connect(let endpoint):
            let isIngest = endpoint == configuration?.ingest.addresses.first
            connection = isIngest ? draw.connectIngest(nil, agency: id) : draw.connectWinners(nil)
            return connection == nil ? .connectFailed : .connected
        case .stop(let deadline):
            return start + draw.elapsed >= deadline ? .stop(nil) : nil
        case .event(let deadline):
            guard let connection, !connection.isGone else {
                return .event(.closed(reason: "the connection was closed"))
            }
            do throws(MessageFault) {
                if let message = try connection.takeMessage() {
                    receive(message, draw)
                    guard case .notDrawnYet(var answer) = message else { return .event(.message(message)) }
                    // The service's value is random, but the simulation must be deterministic.
                    answer.retryAfterMilliseconds = 700
                    return .event(.message(.notDrawnYet(answer)))
                }
            } catch {
                draw.auditor.told(id, ["\(error)"])
            }
            if connection.isEnded { return .event(.closed(reason: "the connection was closed")) }
            return start + draw.elapsed >= deadline ? .event(.timeout) : nil
        }
    }

    private func receive(_ message: Message, _ draw: SimulatedDraw) {
        draw.trace("\(id) \(message.traced)")
        switch message {
        case .welcome(let welcome) where welcome.nextSequence > 0: draw.auditor.welcomed(id, welcome)
        case .chunkProcessed(let processed): draw.auditor.answered(id, processed.sequence, message)
        case .chunkRejected(let rejected): draw.auditor.answered(id, rejected.sequence, message)
        default: break
        }
    }
}
