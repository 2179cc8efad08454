import Monitoring
import Shell

/// All metrics, for people: `console metrics --list`.
enum MetricList {
    static var text: String {
        var table = TextTable(["name", "kind", "labels", "series of a service", "help"])
        for family in MetricFamily.all {
            table.append([
                family.name, family.kind.rawValue, (["service"] + family.labels).joined(separator: ", "), family.series,
                family.help,
            ])
        }
        return table.text
    }
}
