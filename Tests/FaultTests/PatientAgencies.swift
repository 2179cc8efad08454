import Domain
import Platform
import TestKit
import WireProtocol

/// Two agencies that send a chunk, wait for its answer and send the next, so that every run makes the same calls.
struct PatientAgencies {
    enum Failure: Error {
        /// The service reports fewer chunks than it has acknowledged.
        case lost(agency: Int, acknowledged: UInt32, nextSequence: UInt32)
        case unexpected(Message)
    }

    private static let winningNumber: UInt16 = 7574
    private static let bets: [[[Bet]]] = [4, 3].enumerated().map { agency, chunks in
        (0..<chunks).map { chunk in
            (0..<40).map { index in
                var bet = Samples.bet(agency * 1000 + chunk * 100 + index)
                if index % 17 == 0 { bet.number = winningNumber }
                return bet
            }
        }
    }

    private static let chunks: [[Chunk]] = bets.map { agency in
        agency.enumerated().map { index, bets in
            Samples.chunk(sequence: UInt32(index + 1), bets: bets, isLast: index == agency.count - 1)
        }
    }

    /// The rows that `export` writes for all their bets, sorted.
    static let rows: [String] = bets.enumerated().flatMap { agency, chunks in
        chunks.joined().map {
            "\(agency + 1),\($0.firstName),\($0.lastName),\($0.document),\($0.birthdate),\($0.number)"
        }
    }.sorted()

    /// The winning documents, by agency.
    static let winners: [[String]] = bets.map { chunks in
        chunks.joined().filter { $0.number == winningNumber }.map(\.document)
    }

    /// The number of acknowledged chunks, by agency.
    private(set) var acknowledged: [UInt32] = [0, 0]

    /// Sends the chunks that are not acknowledged, those of the first agency first.
    ///
    /// - Parameter limit: largest number of chunks of each agency; 2 excludes the last chunks.
    /// - Returns: whether all are acknowledged; false if the service closed the connection or is not reachable.
    mutating func send(to endpoint: Endpoint, limit: Int = .max) throws -> Bool {
        for agency in Self.chunks.indices {
            let end = min(limit, Self.chunks[agency].count)
            guard acknowledged[agency] < end else { continue }
            do {
                guard try send(to: endpoint, agency: agency, end: end) else { return false }
            } catch TestSocket.Failure.closed, TestSocket.Failure.connect, TestSocket.Failure.send {
                return false
            }
        }
        return true
    }

    private mutating func send(to endpoint: Endpoint, agency: Int, end: Int) throws -> Bool {
        let socket = try TestSocket(endpoint)
        try socket.send(.hello(Hello(agency: AgencyID(UInt32(agency + 1)))))
        switch try socket.receiveMessage() {
        case .welcome(let welcome):
            guard welcome.nextSequence > acknowledged[agency] else {
                throw Failure.lost(
                    agency: agency + 1, acknowledged: acknowledged[agency], nextSequence: welcome.nextSequence)
            }
        case .error(.shuttingDown, _): return false
        case let other: throw Failure.unexpected(other)
        }
        // Stored chunks without an answer are sent again and must not count twice.
        for chunk in Self.chunks[agency][Int(acknowledged[agency])..<end] {
            try socket.send(.chunk(chunk))
            switch try socket.receiveMessage() {
            case .chunkProcessed(let processed) where processed.sequence == chunk.sequence:
                acknowledged[agency] = chunk.sequence
            case .error(.shuttingDown, _): return false
            case let other: throw Failure.unexpected(other)
            }
        }
        return true
    }
}
