"""What CAM and MIM-Net share in training: training data, exercises, losses."""
