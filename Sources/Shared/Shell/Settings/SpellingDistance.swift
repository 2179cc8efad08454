/// The Levenshtein distance of two words.
enum SpellingDistance {
    /// Computes it, ignoring case.
    static func between(_ left: String, _ right: String) -> Int {
        let left = left.lowercased()
        let right = Array(right.lowercased())
        var row = Array(0...right.count)
        for (index, character) in left.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in right.indices {
                let replaced = diagonal + (right[column] == character ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(replaced, row[column] + 1, diagonal + 1)
            }
        }
        return row[right.count]
    }
}

extension [String] {
    /// Returns the first of the closest words, if its distance is at most `limit`.
    func closest(to word: String, within limit: Int) -> String? {
        let distances = map { SpellingDistance.between($0, word) }
        guard let least = distances.min(), least <= limit else { return nil }
        return distances.firstIndex(of: least).map { self[$0] }
    }
}
