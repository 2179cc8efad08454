import Platform
import TestKit

/// An agency of the `pipe` dialect with a connection per message, the older program of the family.
///
/// Its END names no agency, so its source address identifies it. The last line of its chunks has no line end.
struct OldPipeAgency: DialectAgency {
    let id: Int
    let service: Endpoint
    /// The address that it connects from, for example 127.0.0.3.
    let source: String
    /// The wait before it asks again whether there are winners.
    let pause: @Sendable () throws -> Void

    func run(rows: [[String]], chunkBets: Int) throws -> [String] {
        for bets in chunks(rows, of: chunkBets) {
            let lines = bets.map { "\(id)|" + $0.joined(separator: "|") }
            try send(lines.joined(separator: "\n")).expect(PipeAgency.frame("ACK\n"))
        }
        try send("END\n").expect(PipeAgency.frame("END ACK\n"))
        while try !isDrawn() { try pause() }
        return try PipeAgency.winners(try send("CON|\(id)"))
    }

    /// Asks whether there are winners.
    private func isDrawn() throws -> Bool {
        let answer = try send("WIN\n").takeOnce("Y or N")
        switch answer {
        case PipeAgency.frame("Y\n"): return true
        case PipeAgency.frame("N\n"): return false
        default: throw DialectAgencyError(expected: "Y or N", came: answer)
        }
    }

    /// Sends a message on a new connection.
    private func send(_ text: String) throws -> TestSocket {
        let socket = try TestSocket(service, from: source)
        try socket.send(PipeAgency.frame(text))
        return socket
    }
}
