import Domain
import Foundation
import Glibc
import TestKit
import WireProtocol

/// A data folder with a draw and no running service, as input for status, verify and export.
struct DrawFiles {
    let folder: TemporaryFolder
    /// The path of the data folder, relative to ``folder``.
    let data = "d"
    let bets: Int

    var drawPath: String { folder.path + "/d/draws/default" }
    var ledger: String { drawPath + "/bets.ledger" }
    var result: String { drawPath + "/result.json" }

    /// Sends `bets` bets from each of two agencies and waits for the publication.
    ///
    /// - Parameter isUnfinished: whether the second agency does not finish, so that the draw stays open.
    init(bets: Int = 60, isUnfinished: Bool = false) throws {
        folder = try TemporaryFolder()
        self.bets = 2 * bets
        let service = try TestProgram.start(
            .ingest, data: "d", agencies: 2, arguments: ["--exit-after-draw"], in: folder.path)
        let address = try service.waitForAddress()
        for agency in 1...2 {
            let socket = try TestSocket(address)
            try socket.send(.hello(Hello(agency: AgencyID(UInt32(agency)))))
            _ = try socket.receiveMessage()
            var columns = BetColumnsBuilder()
            for bet in 0..<bets {
                columns.append(
                    firstName: Array("Ana".utf8).span, lastName: Array((bet == 0 ? "=1+1" : "Paz").utf8).span,
                    document: Array("3090\(1000 + bet)".utf8).span, birthdate: Birthdate(packed: 19_990_317),
                    number: bet == 0 ? 7574 : 12)
            }
            try socket.send(.chunk(columns.takeChunk(sequence: 1, isLast: agency == 1 || !isUnfinished)))
            _ = try socket.receiveMessage()
        }
        if isUnfinished { service.signal(SIGTERM) }
        guard try service.waitForExit() == 0 else { throw TestProgram.Failure.deadline("the draw", log: service.log) }
    }

    func bytes(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }

    func run(_ script: String, environment: [String: String] = [:]) throws -> ShellScript {
        try ShellScript(script, in: folder, environment: environment)
    }
}
