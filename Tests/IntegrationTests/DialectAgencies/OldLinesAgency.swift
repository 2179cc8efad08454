import Platform
import TestKit

/// An agency of the `lines` dialect with a connection per message, the older program of the family.
///
/// It reads each answer once, into a fresh buffer, and closes the connection.
struct OldLinesAgency: DialectAgency {
    let id: Int
    let service: Endpoint
    /// The wait before it asks for the winners again.
    let pause: @Sendable () throws -> Void

    func run(rows: [[String]], chunkBets: Int) throws -> [String] {
        for bets in chunksUntilShort(rows, of: chunkBets) {
            try send("BET", bets.flatMap { ["\(id)"] + $0 }).expect(Array("Success :)\n\n".utf8))
        }
        try send("CONFIRMATION", ["\(id)"]).expect(Array("OK\n\n".utf8))
        while true {
            let socket = try send("WINNERS", ["\(id)"])
            let answer = try socket.takeOnce("winners, or the end")
            if answer.isEmpty {
                try pause()
                continue
            }
            let winners = try LinesAgency.winners(answer)
            try socket.expectEnd()
            return winners
        }
    }

    /// Sends a message on a new connection.
    private func send(_ kind: String, _ lines: [String]) throws -> TestSocket {
        let socket = try TestSocket(service)
        try socket.send(LinesAgency.message(kind, lines))
        return socket
    }
}
