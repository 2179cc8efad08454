import Foundation
import Glibc
import TestKit
import Testing

/// The console in a real Chromium, driven by a program that shares no code with it.
struct ConsoleBrowserTests {
    /// Of an environment with selenium and axe; `.ci/run` makes one.
    private static let python = ProcessInfo.processInfo.environment["QUINIELA_BROWSER_PYTHON"] ?? "python3"

    private static let isInstalled: Bool = {
        guard ["/usr/bin/chromium", "/usr/bin/chromedriver"].allSatisfy(FileManager.default.isExecutableFile(atPath:)),
            let folder = try? TemporaryFolder()
        else { return false }
        let script = try? ShellScript("'\(python)' -c 'import selenium, axe_core_python'", in: folder)
        return script?.code == 0
    }()

    @Test(
        "counts move, the page goes stale after kill -9, a draw closes by clicks, axe finds nothing, scripts are optional",
        .enabled(
            if: isInstalled,
            "skipped: Debian's chromium and chromium-driver, or selenium and axe-core-python of PyPI, are missing"))
    func browser() throws {
        let tried = try ConsoleServices(agencies: 3)
        let folder = tried.services.folder
        let made = try TestProgram(
            "agency", ["dataset", "--bets", "600000", "--agencies", "2", "--seed", "5", "--folder", "files"],
            in: folder.path)
        #expect(try made.waitForExit() == 0, "\(made.log)")
        // One bet a chunk, one chunk at a time: they send for as long as the browser looks.
        let agencies = try (1...2).map { agency in
            try tried.services.agency(
                agency, file: "files/agency-\(agency).csv", arguments: ["--set", "batch.maxAmount=1"])
        }
        for agency in agencies { try agency.waitForLog("action: apuesta_enviada") }
        let pictures = ProcessInfo.processInfo.environment["QUINIELA_PICTURES"].map { [$0] } ?? []
        let browser = try TestProgram(
            "/usr/bin/env",
            [
                Self.python, Repository.root + "/Tests/Fixtures/console-browser.py", "http://\(tried.address)",
                tried.tokenFile, "\(tried.services.ingest.processID)",
            ] + pictures, in: folder.path)
        #expect(try browser.waitForExit(seconds: 180) == 0, "\(browser.standardOutput)\(browser.log.suffix(3000))")
        #expect(browser.standardOutput.hasSuffix("done"), "\(browser.standardOutput)")
        tried.console.signal(SIGTERM)
        #expect(try tried.console.waitForExit() == 0)
        for agency in agencies {
            agency.signal(SIGKILL)
            _ = try agency.waitForExit()
        }
        tried.services.winners.signal(SIGTERM)
        _ = try tried.services.winners.waitForExit()
    }
}
