/// A table of text for a terminal, with columns as wide as their widest cell and numbers right-aligned.
package struct TextTable: Sendable {
    private var rows: [[String]]

    package init(_ header: [String]) {
        rows = [header]
    }

    /// - Precondition: as many cells as the header has.
    package mutating func append(_ row: [String]) {
        precondition(row.count == rows[0].count, "\(row.count) cells in a table of \(rows[0].count)")
        rows.append(row)
    }

    package var text: String {
        let widths = rows[0].indices.map { column in
            rows.map { $0[column].count }.max() ?? 0
        }
        let isNumber = rows[0].indices.map { column in rows.dropFirst().allSatisfy { Int($0[column]) != nil } }
        var lines = rows.map { row in
            row.indices.map { column in
                let padding = String(repeating: " ", count: widths[column] - row[column].count)
                return isNumber[column] ? padding + row[column] : row[column] + padding
            }.joined(separator: "  ").trimmingTrailingSpaces
        }
        lines.insert(widths.map { String(repeating: "─", count: $0) }.joined(separator: "  "), at: 1)
        return lines.joined(separator: "\n")
    }
}

extension String {
    fileprivate var trimmingTrailingSpaces: String {
        String(self[..<(lastIndex { $0 != " " }.map { index(after: $0) } ?? startIndex)])
    }
}
