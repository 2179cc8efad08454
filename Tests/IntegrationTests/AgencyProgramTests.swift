import Foundation
import Glibc
import Shared
import TestKit
import Testing

/// The agency program against real services.
struct AgencyProgramTests {
    @Test("rows that are no bets go to the rejected file, the rest is sent, and the exit code is 65")
    func rejectedRows() throws {
        let services = try Services(agencies: 1)
        let text =
            "\u{FEFF}Ana,Paz,1,1999-03-17,7574\r\nbad\r\nJosé,Ñu,2,1999-02-30,1\r\n\"Eva, la\",Gil,3,1999-03-17,7574"
        let file = try services.folder.write("bets.csv", Array(text.utf8))
        let agency = try services.agency(1, file: file)
        #expect(try agency.waitForExit() == 65)
        let output = try AgencyOutput(agency)
        #expect(output.bets == 2 && output.rejectedRows == 2 && output.winners == ["1", "3"])
        #expect(agency.log.contains("rows: 2 | written_to: \(file).rejected.csv"))
        let rejected = try String(contentsOfFile: file + ".rejected.csv", encoding: .utf8)
        #expect(rejected.split(separator: "\r\n").map { $0.prefix(2) } == ["ro", "2,", "3,"])
        #expect(try services.exportedRows() == ["1,\"Eva, la\",Gil,3,1999-03-17,7574", "1,Ana,Paz,1,1999-03-17,7574"])
        try services.stop()
    }

    @Test("an agency that starts before the services waits for them")
    func startsFirst() throws {
        let services = try Services(agencies: 1)
        services.ingest.signal(SIGTERM)
        _ = try services.ingest.waitForExit()
        let file = try services.folder.write("bets.csv", Array("Ana,Paz,1,1999-03-17,7574\n".utf8))
        let agency = try services.agency(1, file: file)
        try agency.waitForLog("action: connect | result: fail", count: 2)
        try services.restartIngest()
        #expect(try agency.waitForExit() == 0, "\(agency.log)")
        try services.stop()
    }

    @Test("without an answer within the deadline it says what it does not know, and exits with 75")
    func deadline() throws {
        let services = try Services(agencies: 1)
        let rows = String(repeating: "Ana,Paz,1,1999-03-17,7574\n", count: 3000)
        let file = try services.folder.write("bets.csv", Array(rows.utf8))
        let agency = try services.agency(
            1, file: file,
            arguments: [
                "--set", "retry.deadlineSeconds=1", "--set", "retry.maxMilliseconds=100", "--set", "batch.maxAmount=1",
            ])
        try agency.waitForLog("apuesta_enviada", count: 5)
        services.ingest.signal(SIGKILL)
        #expect(try agency.waitForExit() == 75)
        #expect(agency.log.contains("was sent and not acknowledged"))
        #expect(agency.log.contains("unknown: sequence "))
    }

    @Test("SIGTERM ends it with 0, in the stream and while it waits for the draw")
    func terminated() throws {
        let services = try Services(agencies: 2)
        let file = try services.folder.write("bets.csv", Array("Ana,Paz,1,1999-03-17,7574\n".utf8))
        let waiting = try services.agency(1, file: file)
        try waiting.waitForLog("resource: connection to \(services.ingestAddress)")
        waiting.signal(SIGTERM)
        #expect(try waiting.waitForExit(seconds: 5) == 0)
        #expect(waiting.log.contains("action: stop | result: in_progress | by: SIGTERM"))
        #expect(waiting.log.contains("action: exit | result: success | code: 0"))
        let again = try services.agency(1, file: file)
        let other = try services.agency(2, file: file)
        #expect(try again.waitForExit() == 0)
        #expect(try other.waitForExit() == 0)
        #expect(try AgencyOutput(again).winners == ["1"])
        try services.stop()
    }

    @Test("one bet from the environment, and the service logs it")
    func oneBet() throws {
        let services = try Services(agencies: 1)
        let variables = [
            "NOMBRE": "Santiago Lionel", "APELLIDO": "Lorca", "DOCUMENTO": "30904465", "NACIMIENTO": "1999-03-17",
            "NUMERO": "7574", "CLI_ID": "1", "QUINIELA_INGEST_ADDRESS": "\(services.ingestAddress)",
        ]
        let agency = try TestProgram("agency", ["bet"], environment: variables, in: services.folder.path)
        #expect(try agency.waitForExit() == 0)
        #expect(
            agency.log.contains("action: apuesta_enviada | result: success | dni: 30904465 | numero: 7574"))
        try services.ingest.waitForLog(
            "action: apuesta_almacenada | result: success | dni: 30904465 | numero: 7574")
        let wrong = try TestProgram(
            "agency", ["bet"], environment: variables.merging(["NUMERO": "x"]) { $1 }, in: services.folder.path)
        #expect(try wrong.waitForExit() == 78)
        #expect(wrong.log.contains("NUMERO: the number must consist of decimal digits only"))
        try services.stop()
    }

    @Test("a file that is shorter than what the service holds is not the file that was being sent")
    func shortFile() throws {
        let services = try Services(agencies: 1)
        let (socket, _) = try services.join(1)
        try socket.send(.chunk(Samples.chunk(agency: 1, sequence: 1)))
        guard case .chunkProcessed = try socket.receiveMessage() else { return }
        let file = try services.folder.write("bets.csv", Array("Ana,Paz,1,1999-03-17,7574\n".utf8))
        let agency = try services.agency(1, file: file)
        #expect(try agency.waitForExit() == 65)
        #expect(agency.log.contains("has 1 valid bets and the service already holds 3"))
        try services.stop()
    }

    @Test("an agency that the draw does not know is refused with 78, a missing file with 65, a bad flag with 64")
    func refusals() throws {
        let services = try Services(agencies: 1)
        let file = try services.folder.write("bets.csv", [])
        #expect(try services.agency(2, file: file).waitForExit() == 78)
        #expect(try services.agency(1, file: file + ".none").waitForExit() == 65)
        #expect(try services.agency(1, file: file, arguments: ["--frobnicate"]).waitForExit() == 64)
        let empty = try services.agency(1, file: file)
        #expect(try empty.waitForExit() == 0, "\(empty.log)")
        #expect(try AgencyOutput(empty).bets == 0)
        try services.stop()
    }
}
