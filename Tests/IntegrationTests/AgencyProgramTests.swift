import Domain
import Foundation
import Glibc
private import NIOConcurrencyHelpers
import TestKit
import Testing
import WireProtocol

/// The agency program against real services.
struct AgencyProgramTests {
    private let partlyInvalid = Array(
        "\u{FEFF}Ana,Paz,1,1999-03-17,7574\r\nbad\r\nJosé,Ñu,2,1999-02-30,1\r\n\"Eva, la\",Gil,3,1999-03-17,7574".utf8)

    @Test(
        "a file with invalid lines is not sent; --skip-invalid sends its valid lines, and a corrected file is sent")
    func invalidLines() throws {
        let services = try Services(agencies: 2)
        let file = try services.folder.write("bets.csv", partlyInvalid)
        let agency = try services.agency(1, file: file)
        #expect(try agency.waitForExit() == 65)
        #expect(agency.standardOutput.isEmpty && agency.log.contains("2 of 4 lines are invalid, and nothing was sent"))
        let invalid = try String(contentsOfFile: file + ".invalid.csv", encoding: .utf8)
        #expect(invalid.split(separator: "\r\n").map { $0.prefix(3) } == ["lin", "2,1", "3,1"])
        let attributes = try FileManager.default.attributesOfItem(atPath: file + ".invalid.csv")
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        #expect(try services.command("status").output.contains("nothing yet"))
        let skipping = try services.agency(1, file: file, arguments: ["--skip-invalid"])
        let corrected = "Ana,Paz,1,1999-03-17,7574\r\nJosé,Ñu,2,1999-02-28,1\r\n"
        let other = try services.agency(2, file: try services.folder.write("corrected.csv", Array(corrected.utf8)))
        #expect(try skipping.waitForExit() == 65 && other.waitForExit() == 0)
        let output = try AgencyOutput(skipping)
        #expect(
            output.bets == 2 && output.invalidLines == 2 && output.rejectedBets == 0 && output.winners == ["1", "3"])
        #expect(skipping.log.contains("rows: 2 | written_to: \(file).invalid.csv"))
        #expect(
            try services.exportedRows() == [
                "1,\"Eva, la\",Gil,3,1999-03-17,7574", "1,Ana,Paz,1,1999-03-17,7574", "2,Ana,Paz,1,1999-03-17,7574",
                "2,José,Ñu,2,1999-02-28,1",
            ])
        try services.stop()
    }

    @Test(
        "if the report cannot be written, the invalid lines are listed on standard error, and the exit code is still 65"
    )
    func readOnlyFolder() throws {
        let services = try Services(agencies: 1)
        let file = try services.folder.write("bets.csv", partlyInvalid)
        // Root may write to any folder, so a folder with the name of the report's new file blocks it.
        try FileManager.default.createDirectory(atPath: file + ".invalid.csv.new", withIntermediateDirectories: true)
        let agency = try services.agency(1, file: file, arguments: ["--skip-invalid"])
        #expect(try agency.waitForExit() == 65)
        #expect(try AgencyOutput(agency).bets == 2)
        #expect(agency.log.contains("line 3, column 13: the birthdate 1999-02-30 is not in the calendar"))
        #expect(agency.log.contains("rows: 2 | written_to: standard error"))
        try services.stop()
    }

    @Test(
        "a pipe, a folder and standard input are rejected with 65 before connecting, and a FIFO does not block"
    )
    func notRegular() throws {
        let folder = try TemporaryFolder()
        let fifo = folder.path + "/fifo"
        #expect(mkfifo(fifo, 0o600) == 0)
        for file in [fifo, folder.path, "-", "/dev/null"] {
            let agency = try TestProgram("agency", ["--id", "1", "--file", file], in: folder.path)
            #expect(try agency.waitForExit() == 65)
            #expect(agency.log.contains("a regular file is expected") && !agency.log.contains("connect"))
        }
    }

    @Test("a line corrected in a partly sent file ends with 65, and no bet is doubled or lost")
    func correctedFile() throws {
        let services = try Services(agencies: 1)
        let rows = ["Ana,Paz,1,1999-03-17,1", "bad", "Eva,Gil,3,1999-03-17,3", "Leo,Gil,4,1999-03-17,4"]
        let file = try services.folder.write("bets.csv", Array(rows[..<3].map { $0 + "\n" }.joined().utf8))
        let (socket, _) = try services.join(1)
        func bet(_ name: String, _ last: String, _ document: Int) -> Bet {
            Bet(
                firstName: name, lastName: last, document: "\(document)", birthdate: Birthdate(packed: 19_990_317),
                number: UInt16(document))
        }
        try socket.send(.chunk(Samples.chunk(sequence: 1, bets: [bet("Ana", "Paz", 1), bet("Eva", "Gil", 3)])))
        guard case .chunkProcessed = try socket.receiveMessage() else { return }
        let corrected = [rows[0], "Bob,Ríos,2,1999-03-17,2", rows[2], rows[3]].map { $0 + "\n" }.joined()
        _ = try services.folder.write("bets.csv", Array(corrected.utf8))
        let agency = try services.agency(1, file: file)
        #expect(try agency.waitForExit() == 65)
        #expect(agency.log.contains("bets 1 to 2 differ from those that the service has recorded; nothing was sent"))
        _ = try services.folder.write("bets.csv", Array(rows.map { $0 + "\n" }.joined().utf8))
        let same = try services.agency(1, file: file, arguments: ["--skip-invalid"])
        #expect(try same.waitForExit() == 65)
        #expect(try AgencyOutput(same).bets == 3)
        #expect(try services.exportedRows().count == 3)
        try services.stop()
    }

    @Test("a file is not sent after a different single bet of the same agency")
    func fileAfterBet() throws {
        let services = try Services(agencies: 1)
        #expect(try bet(services).waitForExit() == 0)
        let file = try services.folder.write("bets.csv", Array("Ana,Paz,1,1999-03-17,7574\n".utf8))
        let agency = try services.agency(1, file: file)
        #expect(try agency.waitForExit() == 65)
        #expect(agency.log.contains("bet 1 differs from the one that the service has recorded"))
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

    @Test("without an answer within the deadline the agency logs which chunks are in doubt, and exits with 75")
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

    @Test("SIGTERM while it waits for the draw ends the agency with 75, and it logs what is left to do")
    func terminated() throws {
        let services = try Services(agencies: 2)
        let file = try services.folder.write("bets.csv", Array("Ana,Paz,1,1999-03-17,7574\n".utf8))
        let waiting = try services.agency(1, file: file)
        try waiting.waitForLog("resource: connection to \(services.ingestAddress)")
        waiting.signal(SIGTERM)
        #expect(try waiting.waitForExit(seconds: 5) == 75)
        #expect(waiting.log.contains("action: stop | result: in_progress | by: SIGTERM"))
        #expect(
            waiting.log.contains(
                "of \(file) the service has recorded 1 bet and the agency has finished; its winners have not arrived"))
        #expect(waiting.log.contains("action: exit | result: fail | code: 75"))
        let again = try services.agency(1, file: file)
        let other = try services.agency(2, file: file)
        #expect(try again.waitForExit() == 0)
        #expect(try other.waitForExit() == 0)
        #expect(try AgencyOutput(again).winners == ["1"])
        try services.stop()
    }

    @Test("a terminal shows how many agencies have finished while one waits for the draw")
    func waitingLine() throws {
        let services = try Services(agencies: 2)
        _ = try services.folder.write("bets.csv", Array("Ana,Paz,1,1999-03-17,7574\n".utf8))
        let command =
            "agency --file bets.csv --set ingest.address=\(services.ingestAddress) "
            + "--set winners.address=\(services.winnersAddress)"
        // With -f, script(1) flushes its output at once.
        let shown = try ShellScript(
            """
            script -qefc "\(command) --id 1" /dev/null >seen &
            until grep -q 'waiting for the draw: 1 of 2 agencies have finished' seen; do sleep 0.05; done
            \(command) --id 2 && wait %1 && cat seen
            """, in: services.folder)
        #expect(
            shown.code == 0 && shown.output.contains("agency 1: 1 bet stored, 1 winning bet on number 7574: 1"),
            "\(shown)")
        try services.stop()
    }

    @Test("a finished agency asks for its winners without its file")
    func winnersOnly() throws {
        let services = try Services(agencies: 1)
        let file = try services.folder.write("bets.csv", Array("Ana,Paz,1,1999-03-17,7574\n".utf8))
        #expect(try services.agency(1, file: file).waitForExit() == 0)
        let arguments = ["winners", "--id", "1", "--set", "winners.address=\(services.winnersAddress)"]
        let text = try TestProgram("agency", arguments, in: services.folder.path)
        #expect(try text.waitForExit() == 0)
        #expect(text.standardOutput == "agency 1: 1 bet stored, 1 winning bet on number 7574: 1")
        let json = try TestProgram("agency", arguments + ["--output", "json"], in: services.folder.path)
        #expect(try json.waitForExit() == 0)
        let output = try AgencyOutput(json)
        #expect(output.bets == 1 && output.winners == ["1"] && output.invalidLines == nil)
        try services.stop()
    }

    private func bet(
        _ services: Services, _ arguments: [String] = [], _ changes: [String: String] = [:]
    ) throws -> TestProgram {
        let variables = [
            "NOMBRE": "Santiago Lionel", "APELLIDO": "Lorca", "DOCUMENTO": "30904465", "NACIMIENTO": "1999-03-17",
            "NUMERO": "7574", "CLI_ID": "1", "QUINIELA_INGEST_ADDRESS": "\(services.ingestAddress)",
        ]
        return try TestProgram(
            "agency", ["bet"] + arguments, environment: variables.merging(changes) { $1 }, in: services.folder.path)
    }

    @Test("one bet from the environment is stored once, however often the command is run, and the service logs it")
    func oneBet() throws {
        let services = try Services(agencies: 1)
        let agency = try bet(services)
        #expect(try agency.waitForExit() == 0)
        #expect(
            agency.log.contains("action: apuesta_enviada | result: success | dni: 30904465 | numero: 7574"))
        #expect(agency.standardOutput == "agency 1: the bet of 30904465 on number 7574 is stored")
        try services.ingest.waitForLog(
            "action: apuesta_almacenada | result: success | dni: 30904465 | numero: 7574")
        let rerun = try bet(services)
        #expect(try rerun.waitForExit() == 0)
        #expect(rerun.standardOutput.contains("is stored already"))
        #expect(try bet(services, ["--again"]).waitForExit() == 0)
        let finishing = try bet(services, ["--last"])
        #expect(try finishing.waitForExit() == 0)
        #expect(finishing.standardOutput.hasSuffix("the agency has finished"))
        #expect(try services.exportedRows().count == 2)
        let wrong = try bet(services, [], ["NUMERO": "x"])
        #expect(try wrong.waitForExit() == 78)
        #expect(wrong.log.contains("NUMERO: the number"))
        try services.stop()
    }

    @Test("a file with fewer bets than the service has recorded is rejected with 65")
    func shortFile() throws {
        let services = try Services(agencies: 1)
        let (socket, _) = try services.join(1)
        try socket.send(.chunk(Samples.chunk(agency: 1, sequence: 1)))
        guard case .chunkProcessed = try socket.receiveMessage() else { return }
        let file = try services.folder.write("bets.csv", Array("Ana,Paz,1,1999-03-17,7574\n".utf8))
        let agency = try services.agency(1, file: file)
        #expect(try agency.waitForExit() == 65)
        #expect(agency.log.contains("it has 1 valid bet, and the service has recorded 3 of this agency"))
        try services.stop()
    }

    @Test("a file still being written, without an end of its last line, does not finish its agency")
    func growingFile() throws {
        let services = try Services(agencies: 1)
        let file = try services.folder.write("bets.csv", Array("Ana,Paz,30904465,1999-03-17,75".utf8))
        let agency = try services.agency(1, file: file)
        // Writes until the agency has exited, so that some writes occur while it has the file open.
        let hasEnded = NIOLockedValueBox(false)
        let writer = Thread {
            guard let writing = FileHandle(forWritingAtPath: file) else { return }
            while !hasEnded.withLockedValue({ $0 }) {
                _ = try? writing.seekToEnd()
                try? writing.write(contentsOf: Data("74\nLeo,Paz,30904466,1999-03-17,75".utf8))
                poll(nil, 0, 20)
            }
        }
        writer.start()
        defer { hasEnded.withLockedValue { $0 = true } }
        #expect(try agency.waitForExit() == 75, "\(agency.log)")
        #expect(try services.command("status").output.contains("0 of 1 agencies finished"))
        try services.stop()
    }

    @Test("a file without a valid line finishes no agency, even with --skip-invalid")
    func noValidLine() throws {
        let services = try Services(agencies: 1)
        let file = try services.folder.write("bets.csv", Array("bad\nworse\n".utf8))
        let agency = try services.agency(1, file: file, arguments: ["--skip-invalid"])
        #expect(try agency.waitForExit() == 65)
        #expect(agency.log.contains("2 of 2 lines are invalid, and nothing was sent"))
        #expect(try services.command("status").output.contains("0 of 1 agencies finished"))
        try services.stop()
    }

    @Test("an agency unknown to the draw is rejected with 78, a missing file with 65, an unknown flag with 64")
    func rejections() throws {
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
