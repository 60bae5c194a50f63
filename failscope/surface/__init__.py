"""Groups of outputs that no metric names: embedding, behaviour, views, clustering, the map, a cluster's profile."""
