"""What kerasfix knows of Keras: the layer table, and the names under which Keras can be imported."""
