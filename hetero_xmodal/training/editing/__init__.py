"""Training of editing models, shared by CAM and MIM-Net: training data, exercises, losses."""
