import Domain
import Glibc
import Platform
import TestKit
import WireProtocol

/// Agencies that send a chunk, wait for its answer, send the next, and measure the latency of the answers.
///
/// Isolation: one thread.
final class HonestAgencies {
    private struct Member {
        var socket: TestSocket
        var sequence: UInt32
        var sentAt = ContinuousClock.now
    }

    private var members: [Member] = []
    private let bets = (0..<80).map(Samples.bet)

    /// Connects agencies 1 to `count`.
    init(_ count: Int, _ endpoint: Endpoint) throws {
        for agency in 1...count {
            let socket = try TestSocket(endpoint)
            try socket.send(.hello(Hello(agency: AgencyID(UInt32(agency)))))
            guard case .welcome(let welcome) = try socket.receiveMessage() else { throw TestSocket.Failure.closed }
            members.append(Member(socket: socket, sequence: welcome.nextSequence))
        }
    }

    /// Sends `chunks` chunks of each agency, all agencies in parallel.
    ///
    /// - Returns: the latency of each answer, in ascending order.
    func work(chunks: Int) throws -> [Duration] {
        var times: [Duration] = []
        for index in members.indices { try send(index) }
        for round in 1...chunks {
            for index in members.indices {
                guard case .chunkProcessed = try members[index].socket.receiveMessage() else {
                    throw TestSocket.Failure.closed
                }
                times.append(.now - members[index].sentAt)
                if round < chunks { try send(index) }
            }
        }
        return times.sorted()
    }

    private func send(_ index: Int) throws {
        let chunk = Samples.chunk(sequence: members[index].sequence, bets: bets)
        members[index].sequence += 1
        members[index].sentAt = .now
        try members[index].socket.send(.chunk(chunk))
    }
}

extension ContinuousClock.Instant {
    fileprivate static func - (left: ContinuousClock.Instant, right: ContinuousClock.Instant) -> Duration {
        right.duration(to: left)
    }
}

extension [Duration] {
    /// The percentile of durations in ascending order.
    func percentile(_ percent: Int) -> Duration { self[Swift.min(count - 1, count * percent / 100)] }

    var median: Duration { sorted().percentile(50) }
}

extension Duration {
    var milliseconds: Double {
        Double(components.seconds) * 1000 + Double(components.attoseconds) / 1e15
    }
}
