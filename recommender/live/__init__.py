"""What happens between two recomputes: texts that are asked about, and stories that come."""
