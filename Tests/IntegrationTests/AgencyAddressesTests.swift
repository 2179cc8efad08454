import Foundation
import Glibc
import TestKit
import Testing

/// Agencies with several addresses of each service.
struct AgencyAddressesTests {
    @Test("an agency goes to the next address when one does not answer, and a waiting one when its service is killed")
    func next() throws {
        let services = try Services(agencies: 2)
        let second = try TestProgram.start(.winners, data: services.data, agencies: 2, in: services.folder.path)
        let secondAddress = try second.waitForAddress()
        let file = try services.folder.write("bets.csv", Array("Ana,Paz,1,1999-03-17,7574\r\n".utf8))
        // Nobody listens on port 1; the first connections fail at once, and no wait comes before the next address.
        let settings = [
            "ingest.addresses=127.0.0.1:1,\(services.ingestAddress)",
            "winners.addresses=127.0.0.1:1,\(services.winnersAddress),\(secondAddress)",
            "retry.initialMilliseconds=60000",
            "retry.maxMilliseconds=60000",
        ].flatMap { ["--set", $0] }
        let first = try services.agency(1, file: file, arguments: settings)
        try first.waitForLog("consulta_ganadores", orAny: ["action: connect | result: fail | address: 127.0.0.1:1 "])
        try services.ingest.waitForLog("action: agency_finished | result: success | agency: 1")
        // It waits on the first winners-service, which dies.
        try first.waitForLog("address: 127.0.0.1:1", count: 2)
        let other = try services.agency(2, file: file, arguments: settings)
        services.winners.signal(SIGKILL)
        _ = try services.winners.waitForExit()
        for agency in [first, other] {
            #expect(try agency.waitForExit() == 0, "\(agency.log)")
            #expect(try AgencyOutput(agency).winners == ["1"])
        }
        services.ingest.signal(SIGTERM)
        second.signal(SIGTERM)
        #expect(try services.ingest.waitForExit() == 0 && second.waitForExit() == 0)
    }
}
