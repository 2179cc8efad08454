import ArgumentParser
import Domain
import Ledger
import Platform
import Shell

@main
struct ConsoleCommand: ParsableCommand {
    static func main() { Program.main(Self.self) }

    static let configuration = CommandConfiguration(
        commandName: "console",
        abstract: "The operator's page, metrics for Prometheus, liveness and readiness.",
        discussion: """
            Asks bet-ingest and winners-service on their control sockets, below the data folder, and reads the published \
            files. It may be stopped and started at any time; neither service notices. It listens on 127.0.0.1 only, \
            unless tls.certificate and tls.key are set.

            EXAMPLES
              console                                     serve http://127.0.0.1:12349 with ./config.yaml
              console --listen 127.0.0.1:9000 --data /srv/quiniela
              console metrics --list                      every metric with its kind, help and number of series
              curl -s http://127.0.0.1:12349/ready        could a bet be acknowledged now

            EXIT CODES
              0 done · 64 usage · 70 program failed · 78 configuration
            """,
        version: ProgramVersion.text,
        subcommands: [ServeConsoleCommand.self, MetricsCommand.self],
        defaultSubcommand: ServeConsoleCommand.self)
}

struct MetricsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "metrics", abstract: "Print the metrics of both services, or the list of all metrics.")

    @OptionGroup var options: ConfigurationOptions

    @Flag(help: "Print every metric's name, kind, labels, number of series and help instead.")
    var list = false

    func run() throws {
        try ProgramExit.run {
            let configuration = try options.load()
            guard list else {
                var questions = ServiceQuestions(folder: configuration.folder.data, deadlineSeconds: 10)
                var snapshot = questions.next(after: Snapshot(time: .init(milliseconds: 0)), wanted: [], at: .now)
                let answer = questions.winners()
                snapshot.winnersSamples = answer.samples ?? []
                snapshot.winners = Snapshot.Service(lastAnswer: answer.time, failure: answer.failure)
                return try writeOutput(PrometheusText(snapshot, viewers: 0, at: answer.time).text)
            }
            try writeOutput(MetricList.text)
        }
    }
}
